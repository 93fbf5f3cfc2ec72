import { execFileSync, spawnSync } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import { isolation } from './isolation.ts'
import { missing, type Requirement } from './requirements.ts'

/** Set in the environment of a program that runs in a private network. */
const INSIDE = 'KIT_PRIVATE_NETWORK'

/**
 * For programs that change a network: the rest of the program runs in a private one, in a second
 * process, and everything in there is gone when that ends. Where this cannot be had, the program says
 * so in one line, `skipped: needs …`, and ends.
 *
 * @param program The program's own `import.meta.url`.
 * @param more What it needs beside the network.
 */
export function continueInPrivateNetwork(program: string, ...more: Requirement[]): void {
  if (process.env[INSIDE] === '1' && Object.keys(networkInterfaces()).length === 0) {
    // The first process of a PID namespace: a signal without a listener would be ignored.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
    execFileSync('ip', ['link', 'set', 'lo', 'up'])
    return
  }
  for (const requirement of ['namespace', ...more] as const) {
    const lacks = missing(requirement)
    if (lacks === undefined) continue
    console.log(`skipped: ${lacks}`)
    process.exit(0)
  }
  const { command, args } = isolation()!
  const words = [...args, process.execPath, ...process.execArgv, fileURLToPath(program)]
  const env = { ...process.env, [INSIDE]: '1' }
  process.exit(spawnSync(command, words, { stdio: 'inherit', env }).status ?? 1)
}
