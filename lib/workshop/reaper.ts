import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'

/** What every program under test has in its environment, and no other program. */
export const MARK = { name: 'SOCKET_KIT_CHECK', value: randomUUID() } as const

/**
 * Reads which groups of processes begin and end, until its input ends. It ends when the checker does,
 * whatever ended that, SIGKILL included. Then it kills the groups that are left, and on Linux also
 * what carries the mark: a program that has left its group, or that has only just been started.
 */
const SCRIPT = `
groups=
while read -r sign group; do
  case $sign in
    +) groups="$groups $group" ;;
    -) rest=
       for one in $groups; do [ "$one" = "$group" ] || rest="$rest $one"; done
       groups=$rest ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
for again in 1 2; do
  for file in $(grep -lsF "$1" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/}
    kill -s KILL "\${pid%/environ}" 2>/dev/null
  done
done`

let reaper: ChildProcess | undefined

/** Starts it. A shell takes a thousandth of a second, and less memory than another Node would. */
function start(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', `${MARK.name}=${MARK.value}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A group of its own: neither a Ctrl-C nor a kill of our group reaches it.
    detached: true,
  })
  child.on('error', () => {}) // no shell: then nothing watches over us
  child.stdin!.on('error', () => {})
  child.unref()
  const { stdin } = child
  if (stdin && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  return child
}

/** To be called before a program is started: it watches over what follows. */
export function startReaper(): void {
  if (process.platform !== 'win32') reaper ??= start()
}

/** A group of processes has begun, or is gone. */
export function reportGroup(sign: '+' | '-', group: number): void {
  reaper?.stdin?.write(`${sign} ${group}\n`)
}
