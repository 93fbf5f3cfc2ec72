import { readFileSync } from 'node:fs'

/** The default of a program's `--port`, as its source has it; undefined where it has no such flag. */
export function defaultPortIn(file: string): number | undefined {
  const port = /\bport\((\d+)/.exec(readFileSync(file, 'utf8'))?.[1]
  return port === undefined ? undefined : Number(port)
}
