import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ROOT } from '#lib/catalogue/index.ts'

/**
 * Runs a program that needs no other, as a reader does, and returns what it prints.
 *
 * @param args Arguments for Node. Default: `--import tsx`, and the file.
 * @throws {Error} where it fails, or complains on stderr.
 */
export async function runProgram(
  file: string,
  args: readonly string[] = ['--import', 'tsx', file],
): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env })
  if (stderr !== '') throw new Error(`${file} says on stderr: ${stderr.trimEnd()}`)
  return stdout
}
