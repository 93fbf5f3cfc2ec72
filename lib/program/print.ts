import { once } from 'node:events'

let drained: Promise<void> | undefined

/**
 * Prints a line, as `console.log` does, and waits where its reader is slower than we are. Standard
 * output is a stream as well: without that, a client that sends many tiny messages fills our memory
 * with what we say about them.
 *
 * @see {@link https://nodejs.org/api/process.html#a-note-on-process-io} when it waits by itself
 * @example
 * ```ts
 * import { print } from '#lib/program/print.ts'
 *
 * await print('request 127.0.0.1:40000 16 bytes')
 * ```
 */
export async function print(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`)) return
  // One listener for all who wait.
  drained ??= once(process.stdout, 'drain').then(() => {
    drained = undefined
  })
  await drained
}
