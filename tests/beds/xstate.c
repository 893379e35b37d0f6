/* ptrace(2) for a user-mode kernel older than its processor; see xstate.py. Stands before libc's by LD_PRELOAD. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGEST 65536
#define STATE_COMPONENTS 512 /* XSTATE_BV: which components the area holds */
#define KNOWN_COMPONENTS 0x3ffULL /* x87 to PKRU: those that the kernel's own area has room for */

/* The caller's part of the state is the new one; what it has no room for stays as the processor has it. */
static long set_state(pid_t process, const struct iovec *given)
{
	static uint8_t state[LARGEST]; /* The kernel's stacks are small, and one thread of it traces. */
	struct iovec whole = { state, sizeof state };
	uint64_t components;

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, process, NT_X86_XSTATE, &whole) < 0)
		return -1;
	if (given->iov_len < whole.iov_len) {
		memcpy(state, given->iov_base, given->iov_len);
		memcpy(&components, state + STATE_COMPONENTS, sizeof components);
		components &= KNOWN_COMPONENTS;
		memcpy(state + STATE_COMPONENTS, &components, sizeof components);
	} else {
		whole = *given;
	}
	return syscall(SYS_ptrace, PTRACE_SETREGSET, process, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	pid_t process;
	void *address, *data;
	long word, done;

	va_start(arguments, request);
	process = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);

	if (request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE)
		return set_state(process, data);
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
		return syscall(SYS_ptrace, request, process, address, data);
	/* The system call stores the word that libc's function returns. */
	done = syscall(SYS_ptrace, request, process, address, &word);
	if (done < 0)
		return done;
	errno = 0;
	return word;
}
