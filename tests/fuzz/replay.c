/* SPDX-License-Identifier: MIT */
/*
 * main() for where there is no libFuzzer: a target is run once for each file of the directories
 * that are named, so that a corpus can be measured (scripts/coverage.sh).
 */
#include <dirent.h>

#include "input.h"

#define MOST 65536u

static void run(const char *directory, const char *name)
{
	static uint8_t data[MOST];
	char path[4096];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "rb");
	if (!f)
		return;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *directory = opendir(argv[i]);
		struct dirent *entry;

		if (!directory) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(directory)) != NULL)
			if (entry->d_name[0] != '.')
				run(argv[i], entry->d_name);
		closedir(directory);
	}
	return 0;
}
