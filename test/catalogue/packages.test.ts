import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { filesBelow } from '../support/files-below.ts'

interface Manifest {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

const IMPORT = /^(?:import .*|export .*|\} )from '([^'\n]+)'|\bimport\('([^'\n]+)'\)/gm

/** The words behind `from` and `import` in a file, without those of Node. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8').replaceAll(/^ *(\*|\/\/).*$/gm, '')
  const words = Array.from(text.matchAll(IMPORT), ([, from, called]) => (from ?? called)!)
  return words.filter(word => !word.startsWith('node:'))
}

/** The file of the kit that is imported, or undefined where it is a package. */
function fileOf(word: string, from: string): string | undefined {
  if (word.startsWith('.')) return join(dirname(from), word)
  return word.startsWith('#lib/') ? word.replace('#', '') : undefined
}

/** The packages that a program imports, itself or through files of the kit. */
function packagesOf(program: string): string[] {
  const seen = new Set([program])
  const packages = new Set<string>()
  for (const file of seen) {
    for (const word of importsOf(file)) {
      const ours = fileOf(word, file)
      if (ours === undefined) packages.add(word)
      else seen.add(ours)
    }
  }
  return [...packages]
}

describe('package.json', () => {
  test('has those packages as dependencies that lib and the chapters import, and tsx', () => {
    const files = ['lib', 'chapters'].flatMap(folder => filesBelow(ROOT, folder, '.ts'))
    const words = files.flatMap(file =>
      importsOf(file).filter(word => fileOf(word, file) === undefined),
    )
    // `pure-rand/generator/xoroshiro128plus` is a part of the package pure-rand.
    const packages = new Set(words.map(word => /^(?:@[^/]+\/)?[^/]+/.exec(word)![0]))
    expect([...packages, 'tsx'].toSorted()).toEqual(Object.keys(manifest.dependencies).toSorted())
  })

  test('brings at most 120 packages to any one machine, and none that a host is named for', () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<
        string,
        { os?: string[]; cpu?: string[]; libc?: string[]; resolved?: string }
      >
    }
    const machine = { os: 'linux', cpu: 'x64', libc: 'glibc' } as const
    const here = Object.entries(packages).filter(
      ([path, wants]) =>
        path !== '' &&
        (['os', 'cpu', 'libc'] as const).every(of => wants[of]?.includes(machine[of]) ?? true),
    )
    expect(here.length).toBeGreaterThan(80)
    expect(here.length).toBeLessThanOrEqual(120)
    expect(here.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })
})

test('the programs of the chapters import no package', async () => {
  for (const { folder, examples } of await loadChapters()) {
    for (const { server, client, demo } of examples) {
      for (const program of [server, client, demo]) {
        const file = program && join('chapters', folder, program.file)
        if (file) expect({ file, packages: packagesOf(file) }).toEqual({ file, packages: [] })
      }
    }
  }
})
