import { CatalogueError } from '#lib/catalogue/index.ts'
import { oneLine } from '#lib/program/one-line.ts'
import { explainCode, isFileError } from '#lib/program/system-error.ts'
import { WorkspaceError } from '#lib/workshop/workspace.ts'
import { UsageError } from './arguments.ts'
import { ignoreBrokenPipe } from './terminal.ts'

/**
 * Runs a command of the kit with the words behind it. What the reader or the system is to blame for
 * is one line on standard error, with exit code 2 for a mistake on the command line and 1 for
 * anything else; a mistake of ours keeps its stack.
 */
export async function runCommand(
  main: (args: string[]) => number | Promise<number>,
): Promise<void> {
  ignoreBrokenPipe()
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    const line = lineFor(error)
    if (line === undefined) throw error
    console.error(error instanceof UsageError ? oneLine(line) : line)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

function lineFor(error: unknown): string | undefined {
  const ours = [CatalogueError, UsageError, WorkspaceError]
  if (ours.some(kind => error instanceof kind)) return (error as Error).message
  if (!isFileError(error)) return undefined
  const what = error.path === undefined ? error.syscall : `${error.syscall} ${error.path}`
  return `cannot ${what}: ${explainCode(error)}`
}

/**
 * Where the reader stands. npm runs a script in the folder of package.json; what a reader writes on
 * the command line is meant from where the reader is.
 */
export function readersFolder(env: NodeJS.ProcessEnv = process.env): string {
  const isOurs = env.npm_lifecycle_script?.includes('lib/cli/') === true
  return (isOurs ? env.INIT_CWD : undefined) ?? process.cwd()
}
