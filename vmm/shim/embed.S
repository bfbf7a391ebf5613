/* SPDX-License-Identifier: MIT */
/* The shim's executable inside the monitor's, so that the program is one file. */
	.section .rodata
	.balign 16
	.globl shim_image, shim_image_end
shim_image:
	.incbin SHIM_FILE
shim_image_end:
	.section .note.GNU-stack, "", @progbits
