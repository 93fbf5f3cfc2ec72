import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

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

/**
 * Why strace cannot be used here, and what would bring it; undefined where it works: it is tried.
 */
export async function straceTrouble(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'needs Linux'
  const [command, ...args] = straceCommand(['true'], 3)
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  ;(child.stdio[3] as Readable).resume()
  const ended = once(child, 'close')
  try {
    const [said, [code]] = await Promise.all([text(child.stderr!), ended])
    return code === 0 && said === '' ? undefined : reasonOf(said.trim())
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return 'strace is not installed (apt-get install strace)'
  }
}

function reasonOf(said: string): string {
  const line = said.split('\n')[0]?.replace(/^strace: /, '') ?? ''
  if (/not permitted|denied/i.test(said)) {
    return `strace may not trace here (in a container: --cap-add SYS_PTRACE): ${line}`
  }
  return `strace does not work here: ${line}`
}
