import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { toolEnv } from './tools.ts'

/** A shell that runs beside this process, and outlives it by a moment to clean up. */
export interface SupervisedShell {
  child: ChildProcessByStdio<Writable, Readable, Readable>
  /** Settles when the shell is gone; says the first line of its standard error. */
  ended: Promise<string>
  /** Closes the pipe that the shell waits on, as our own death would, and waits for its end. */
  end(): Promise<void>
}

/**
 * Starts a shell script that holds a pipe from this process as its standard input.
 *
 * The pipe closes when this process ends, however it dies: the script reads it, and cleans up when
 * there is nothing more to be read. It has a session of its own, so Ctrl-C does not reach it.
 */
export function startSupervised(
  script: string,
  args: readonly string[],
  prefix: readonly string[] = [],
): SupervisedShell {
  // With us its output has gone: a word on it (`Terminated`) must not end the shell before its time.
  const robust = `trap '' PIPE\n${script}`
  const [command = 'sh', ...rest] = [...prefix, 'sh', '-c', robust, 'sh', ...args]
  const options = { detached: true, env: toolEnv() }
  const child = spawn(command, rest, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {}) // it may have ended already
  let said = ''
  createInterface({ input: child.stderr }).on('line', line => {
    said ||= line.trim()
  })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('close', () => resolve(said))
  })
  return {
    child,
    ended,
    async end() {
      child.stdin.end()
      await ended
    },
  }
}

/** On a machine that is busy, a shell alone takes seconds to start. */
const PATIENCE_MS = 30_000

/**
 * Waits for the first sign that a tool reports what happens.
 *
 * @throws {Error} when `died` settles first, with the reason it gives, or nothing comes for long.
 */
export async function waitUntilShown(
  tool: string,
  seen: Promise<void>,
  died: Promise<string>,
): Promise<void> {
  let patience: NodeJS.Timeout | undefined
  const impatient = new Promise<string>(resolve => {
    patience = setTimeout(
      () => resolve(`${tool} shows nothing for ${PATIENCE_MS / 1000} s`),
      PATIENCE_MS,
    )
  })
  const trouble = await Promise.race([seen, died, impatient])
  clearTimeout(patience)
  if (trouble !== undefined) throw new Error(trouble)
}

/**
 * Runs a command under supervision: `startSupervised(RUN_UNTIL_PIPE_CLOSES, ['tcpdump', …])`.
 *
 * The shell lets go of the output, so that its end is the end of the command.
 */
export const RUN_UNTIL_PIPE_CLOSES = `
"$@" </dev/null &
exec >/dev/null 2>&1
read -r end
kill $!
wait $!`

const FOLDER = `
folder=$(mktemp -d "$1/$2XXXXXX") || exit 1
echo "$folder"
read -r end
rm -rf -- "$folder"`

/**
 * Makes a folder for temporary files, which is gone when `end` has settled or this process has died.
 *
 * @throws {Error} in one line, when it cannot be made.
 */
export async function temporaryFolder(
  parent: string,
  prefix: string,
): Promise<{ path: string; end(): Promise<void> }> {
  const { child, ended, end } = startSupervised(FOLDER, [parent, prefix])
  const failed = ended.then(said => {
    throw new Error(`cannot make a temporary folder: ${said}`)
  })
  failed.catch(() => {})
  const lines = createInterface({ input: child.stdout })
  const [path] = (await Promise.race([once(lines, 'line'), failed])) as [string]
  return { path, end }
}
