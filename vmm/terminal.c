/* SPDX-License-Identifier: MIT */
/*
 * Taking and giving back the terminal. What a key means is the caller's.
 *
 * Nobody tells a process in the background that it has been brought to the foreground, unless it
 * was stopped: so one that waits for that looks now and then. Setting a terminal from the
 * background would stop us (SIGTTOU), reading it too (SIGTTIN): both are done only after a look at
 * whose it is. Should it change hands just then, we stop, and that is what a shell expects.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "terminal.h"

#define CTRL_T	20
#define LOOK_MS 500

/* The default of each of these ends the program. */
static const int deadly[] = { SIGQUIT, SIGILL,	SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,   SIGSEGV,
			      SIGSYS,  SIGXCPU, SIGXFSZ, SIGPROF, SIGUSR2, SIGVTALRM };

/* Written by the main thread while `taken` is 0, read by handlers on any thread while it is 1. */
static struct termios before, ours;
static volatile sig_atomic_t taken;
static bool opened;

/* Not our controlling terminal (ENOTTY): then there are no jobs, and it is whose it is. */
static bool in_foreground(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	return group == getpgrp() || (group < 0 && errno == ENOTTY && isatty(STDIN_FILENO));
}

/* Safe in a handler. In the background it is somebody else's, who has set it as he wants. */
static void give_back(void)
{
	if (!taken)
		return;
	taken = 0;
	if (in_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static bool same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && !memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

/*
 * If it is as we had set it, nobody has set it since (a stop without a shell that looks after its
 * terminal): then what it was before is known.
 */
static void take(void)
{
	struct termios now;

	if (tcgetattr(STDIN_FILENO, &now)) {
		opened = false;
		return;
	}
	if (!same(&now, &ours))
		before = now;
	ours = before;
	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ours.c_cc[VMIN] = 0; /* never wait in read() */
	ours.c_cc[VTIME] = 0;
	/* First, so that whoever dies in between gives back what was before. */
	taken = 1;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &ours)) {
		taken = 0;
		opened = false;
	}
}

static void unblock(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

/* Ctrl-Z: give it back, stop as if we had no handler; here again when we are continued. */
static void stopping(int sig)
{
	int error = errno;

	give_back();
	handle(sig, SIG_DFL, 0);
	unblock(sig);
	raise(sig);
	handle(sig, stopping, SA_RESTART);
	errno = error;
}

/* The handler is gone already (SA_RESETHAND), and so it ends as it would have without us. */
static void dying(int sig)
{
	give_back();
	unblock(sig);
	raise(sig);
}

/* Those that have a handler (or are ignored) are somebody's who does not end by them. */
static void handle_default(int sig, void (*handler)(int), unsigned flags)
{
	struct sigaction old;

	if (!sigaction(sig, NULL, &old) && !(old.sa_flags & SA_SIGINFO) &&
	    old.sa_handler == SIG_DFL)
		handle(sig, handler, (int)flags);
}

/*
 * Is somebody sitting there? Our lines go to that terminal, not to a pager that reads its keys
 * itself; and nor does our output.
 */
static bool somebody_there(void)
{
	struct stat in, out, err;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	if (fstat(STDIN_FILENO, &in) || fstat(STDOUT_FILENO, &out) || fstat(STDERR_FILENO, &err))
		return false;
	return in.st_rdev == err.st_rdev && !S_ISFIFO(out.st_mode) && !S_ISSOCK(out.st_mode);
}

void terminal_open(void)
{
	unsigned i;

	if (!somebody_there())
		return;
	opened = true;
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		handle_default(deadly[i], dying, SA_RESETHAND);
	handle_default(SIGTSTP, stopping, SA_RESTART);
	terminal_look();
}

int terminal_fd(void)
{
	return opened && taken ? STDIN_FILENO : -1;
}

int terminal_timeout(void)
{
	return opened && !taken ? LOOK_MS : -1;
}

void terminal_look(void)
{
	if (opened && !taken && in_foreground())
		take();
}

void terminal_continued(void)
{
	taken = 0; /* whoever stopped us may have set it anew */
	terminal_look();
}

bool terminal_asks(void)
{
	char keys[64];
	ssize_t n;

	if (!opened || !taken)
		return false;
	if (!in_foreground()) {
		taken = 0; /* as it is now it belongs to who is */
		return false;
	}
	n = read(STDIN_FILENO, keys, sizeof(keys));
	/* Readable, and nothing there: it is hung up. */
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		opened = false;
		return false;
	}
	return n > 0 && memchr(keys, CTRL_T, (size_t)n);
}

void terminal_close(void)
{
	opened = false;
	give_back();
}
