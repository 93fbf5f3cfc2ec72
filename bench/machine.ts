/** What the figures were measured on. */

import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, type as system, totalmem } from 'node:os'

export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  kernel: string
  node: string
  v8: string
  /** The compiler of the servers in Go, where they were measured. */
  go?: string
  /** Version of every npm package that was measured. */
  packages: Record<string, string>
}

function versionOf(name: string): string {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

export function machine(packages: Iterable<string>): Machine {
  const names = [...new Set(packages)].sort()
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${system()} ${release()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    packages: Object.fromEntries(names.map(name => [name, versionOf(name)])),
  }
}

export function machineLine({ cpu, cores, memoryGiB, kernel, node, v8 }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node} (V8 ${v8})`
}
