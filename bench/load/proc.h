/* proc: what the kernel says about the server under load, read from /proc. A negative figure
 * means "not readable". */
#pragma once

double
/* user + system time of all its threads so far; resolution 10 ms */
proc_cpu_seconds(int pid);
double proc_rss_bytes(int pid);
double proc_self_cpu_seconds(
    void); /* the same for this program: is the generator the bottleneck? */
