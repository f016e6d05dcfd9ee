/* replay: runs one fuzz target over the files of a folder, without a fuzzer: every input that once
 * broke something is tried again by every build. `replay DIR`; exit status 1 when there is nothing
 * to read. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* A block of exactly the file's size, so that a sanitizer sees a read past its end. */
static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");

    if (!f)
        return -1;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    uint8_t *bytes = n > 0 ? malloc((size_t)n) : NULL;
    size_t n_read = bytes ? fread(bytes, 1, (size_t)n, f) : 0;
    fclose(f);
    LLVMFuzzerTestOneInput(bytes, n_read);
    free(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned n_files = 0;

    if (!dir) {
        fprintf(stderr, "replay: no folder to read\n");
        return 1;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        /* Named before it runs: when it aborts, the last line says which. */
        printf("%s\n", e->d_name);
        fflush(stdout);
        if (run_file(path) == 0)
            n_files++;
    }
    closedir(dir);
    return n_files ? 0 : 1;
}
