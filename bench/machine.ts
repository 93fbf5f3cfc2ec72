/** What the figures were measured on. */

import { existsSync, readFileSync } from 'node:fs'
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

function manifestOf<Manifest>(folder: string): Manifest {
  return JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8'))
}

function versionOf(name: string): string {
  return manifestOf<{ version: string }>(`./node_modules/${name}`).version
}

/** The packages of bench/package.json that are not installed there. */
export function missingPackages(): string[] {
  const { dependencies } = manifestOf<{ dependencies: Record<string, string> }>('.')
  const isMissing = (name: string) =>
    !existsSync(new URL(`./node_modules/${name}/package.json`, import.meta.url))
  return Object.keys(dependencies).filter(isMissing)
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
