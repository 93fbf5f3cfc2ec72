import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { missing } from '#lib/kernel/requirements.ts'
import { onPath } from '#lib/kernel/tools.ts'
import { INSTANCE_PREFIX, tracefsWays } from '#lib/kernel/tracefs-instance.ts'

const isRoot = process.platform === 'linux' && process.getuid?.() === 0
const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** What this machine does not have. */
export const lacks = {
  python: !works('python3', '--version'),
  strace: missing('strace') !== undefined,
  tcpdump: missing('tcpdump') !== undefined,
  tshark: !onPath('tshark'),
  tracefs: missing('tracefs') !== undefined,
  root: !isRoot,
}

/** The trace instances that a process has made, as long as they are there. */
export function traceInstances(pid: number): string[] {
  const { command, args } = tracefsWays()[0]!
  const list = '[ "$2" = no ] || mount -t tracefs nodev "$1"; ls "$1/instances"'
  const [program = '', ...words] = [...command, 'sh', '-c', list, 'sh', ...args]
  const names = execFileSync(program, words, { encoding: 'utf8' })
  return names.split('\n').filter(name => name.startsWith(`${INSTANCE_PREFIX}${pid}-`))
}

/** A folder in which there are these commands only: a PATH for a machine without the others. */
export function pathWith(folder: string, commands: readonly string[]): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const command of commands) {
    const file = execFileSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim()
    symlinkSync(file, join(bin, command))
  }
  chmodSync(folder, 0o755)
  return bin
}

/** The processes that have this in their command line. */
export function processesNaming(text: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return command.includes(text) ? [{ pid: Number(pid), command }] : []
      } catch {
        return [] // ended meanwhile
      }
    })
}
