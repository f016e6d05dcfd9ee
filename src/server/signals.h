/* signals: reach the accept thread only, through a descriptor. */
#pragma once

/* Blocks the signals we handle in this and all later threads; returns a signalfd. -1: not available
 * (errno). */
int signals_open(void);
int signals_take(int fd); /* the next signal that came, or 0 */
void signals_close(int fd);
