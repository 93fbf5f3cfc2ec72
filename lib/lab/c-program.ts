import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Compiles a C program, runs it, and returns what it printed. For what Node has no call for.
 *
 * @throws {Error} with the compiler's first error, or when the program fails or takes over 10 s.
 */
export async function runC(source: string, args: readonly string[] = []): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'socket-kit-c-'))
  try {
    const file = join(folder, 'program.c')
    writeFileSync(file, source)
    const program = join(folder, 'program')
    await run('cc', ['-Wall', '-Werror', '-o', program, file]).catch(error => {
      const first = /error: .*/.exec(error.stderr ?? '')?.[0] ?? error.message
      throw new Error(`the C program does not compile: ${first}`)
    })
    const { stdout } = await run(program, args, { timeout: 10_000 })
    return stdout
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
