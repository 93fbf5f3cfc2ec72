import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { makeFolder } from '#lib/program/make-folder.ts'

const place = mkdtempSync(join(tmpdir(), 'kit-make-folder-'))
afterAll(() => rmSync(place, { recursive: true }))

/** Whether a mount that nobody else sees can be made here. */
const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0

describe('makeFolder', () => {
  test('makes what is missing, and returns the first folder that it made', () => {
    expect(makeFolder(join(place, 'a/b/c'))).toBe(join(place, 'a'))
    expect(statSync(join(place, 'a/b/c')).isDirectory()).toBe(true)
    expect(makeFolder(join(place, 'a/b/d'))).toBe(join(place, 'a/b/d'))
    expect(makeFolder(join(place, 'a/b'))).toBeUndefined()
  })

  test('passes on the error of the system where a part of the path is a file', () => {
    writeFileSync(join(place, 'file'), '')
    expect(() => makeFolder(join(place, 'file/b'))).toThrow(
      expect.objectContaining({ code: 'ENOTDIR' }),
    )
  })

  test.skipIf(!canMount)('says EROFS on a read-only file system (needs root)', () => {
    const program = `
      const { makeFolder } = await import(process.argv[1])
      for (const name of ['/a', '/a/b']) {
        try { makeFolder(process.argv[2] + name) } catch ({ code }) { console.log(code) }
      }`
    const script = 'mount -t tmpfs none "$1" && mount -o remount,ro "$1" && shift 1 && exec "$@"'
    const target = mkdtempSync(join(place, 'disk-'))
    const words = ['--import', 'tsx', '--input-type=module', '-e', program]
    const module = join(ROOT, 'lib/program/make-folder.ts')
    const node = [process.execPath, ...words, module, target]
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', script, 'sh', target, ...node],
      { cwd: ROOT, encoding: 'utf8' },
    )
    expect([stdout, stderr]).toEqual(['EROFS\nEROFS\n', ''])
  })
})
