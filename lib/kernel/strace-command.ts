/** Calls on sockets, and those that make processes: `strace -e trace=…`. */
const CALLS = [
  ...['socket', 'bind', 'listen', 'connect', 'accept', 'accept4', 'shutdown', 'close'],
  ...['read', 'readv', 'recvfrom', 'recvmsg', 'recvmmsg'],
  ...['write', 'writev', 'sendto', 'sendmsg', 'sendmmsg', 'setsockopt', 'getsockopt'],
  ...['?fork', '?vfork', 'clone', '?clone3'],
]

/** So many bytes of what is read and written are shown. */
const SHOWN_BYTES = 24

const ARGS = [
  // -D: strace runs beside the program, which stays our own child, with its own exit code.
  ...['-D', '-f', '-yy', '-T', '-qq', '-s', String(SHOWN_BYTES)],
  ...['--absolute-timestamps=format:unix,precision:ns', '-e', 'signal=none'],
  ...['-e', `trace=${CALLS.join(',')}`],
]

/**
 * The command that runs another one under strace, which writes on the descriptor `fd` (below 10).
 *
 * `cat` stands between, as strace opens files only by name, and a socket cannot be opened so.
 * The program itself does not get the descriptor.
 *
 * @see strace(1)
 */
export function straceCommand(
  command: readonly string[],
  fd: number,
): [command: string, ...args: string[]] {
  const withoutFd = ['sh', '-c', `exec "$@" ${fd}>&-`, 'sh', ...command]
  return ['strace', ...ARGS, '-o', `|exec cat >&${fd}`, ...withoutFd]
}
