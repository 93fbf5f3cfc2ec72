import { CatalogueError } from '../catalogue/index.ts'
import { explainCode, isFileError } from '../program/system-error.ts'
import { WorkspaceError } from '../workshop/workspace.ts'
import { letReaderGo } from './terminal.ts'

/**
 * Runs a command of the kit with the words behind it. What the reader or the system is to blame for
 * is one line on standard error and exit code 1; a mistake of ours keeps its stack.
 */
export async function runCommand(main: (args: string[]) => Promise<number>): Promise<void> {
  letReaderGo()
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    const line = lineFor(error)
    if (line === undefined) throw error
    console.error(line)
    process.exitCode = 1
  }
}

function lineFor(error: unknown): string | undefined {
  if (error instanceof CatalogueError || error instanceof WorkspaceError) return error.message
  if (!isFileError(error)) return undefined
  const what = error.path === undefined ? error.syscall : `${error.syscall} ${error.path}`
  return `cannot ${what}: ${explainCode(error)}`
}

/**
 * Where the reader stands. npm runs a script in the folder of package.json; what a reader writes on
 * the command line is meant from where the reader is.
 */
export function folderOfReader(env: NodeJS.ProcessEnv = process.env): string {
  const isOurs = env.npm_lifecycle_script?.includes('lib/cli/') === true
  return (isOurs ? env.INIT_CWD : undefined) ?? process.cwd()
}
