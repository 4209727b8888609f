/* SPDX-License-Identifier: MIT */
/* replay.c - gives every file of a folder to a fuzz target: the corpus as an ordinary test, under
 * whatever sanitizer the build has. Usage: replay FOLDER */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    static uint8_t data[1 << 17];
    char path[4096];
    int n = 0;
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    if (!d) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 64;
    }
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!f)
            continue;
        size_t size = fread(data, 1, sizeof data, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, size);
        n++;
    }
    closedir(d);
    printf("%d inputs\n", n);
    return n > 0 ? 0 : 1;
}
