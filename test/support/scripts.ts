import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '#lib/catalogue/index.ts'

const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
)

/** What follows `exec node` in an npm script, word by word. */
export function nodeArguments(script: string): string[] {
  const [exec, node, ...args] = scripts[script]?.split(' ') ?? []
  if (exec === 'exec' && node === 'node') return args
  throw new Error(
    `package.json has no script "${script}": npm run docs:sync writes those of examples`,
  )
}
