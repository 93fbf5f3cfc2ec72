import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { findEmbeds } from '#lib/pages/embed.ts'
import { claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { entries, has, test as kitTest, onLinux } from '../support/kit.ts'
import { documents } from './documents.ts'

const { text } = documents.find(({ name }) => name === 'docs/troubleshooting.md')!
const stdoutOf = (command: string) =>
  execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
const parts = text.split(/^### /m).slice(1)

describe('docs/troubleshooting.md', () => {
  test.each(parts.map(part => [part.split('\n')[0]!, part]))(
    '%s: has cause, confirmation, fix, and an example that exists',
    async (_title, part) => {
      for (const field of ['Cause', 'Confirm', 'Fix', 'See']) {
        expect(part).toMatch(new RegExp(`^- \\*\\*${field}\\*\\*: `, 'm'))
      }
      const see = part.slice(part.indexOf('- **See**'))
      const named = [...see.matchAll(/`(\d\d\/[\w-]+)`/g)].map(([, id]) => id)
      for (const id of named) expect(entries.map(entry => entry.id)).toContain(id)
      const claims = [...see.matchAll(/textbook -- (\d+\.\d+)/g)].map(([, id]) => id)
      const known = claimsOf(await loadExperiments()).map(({ claim }) => claim.id)
      for (const id of claims) expect(known).toContain(id)
      expect(named.length + claims.length, 'an example or a claim').toBeGreaterThan(0)
    },
  )

  test('it shows what each program of a symptom prints, and no other program', () => {
    const programs = readdirSync(join(ROOT, 'chapters'), { recursive: true, encoding: 'utf8' })
      .filter(name => /^[^/]+\/symptoms\/[^/]+\.ts$/.test(name))
      .map(name => `chapters/${name}`)
    const shown = findEmbeds(text).flatMap(({ kind, what }) => (kind === 'run' ? [what] : []))
    expect(shown.sort()).toEqual(programs.sort())
  })

  kitTest.skipIf(!onLinux)(
    'without what it takes to have a private network, a program says so and ends (needs Linux)',
    async ({ kit }) => {
      const program = join(inject('compiled'), 'chapters/01-socket/symptoms/without-ipv6.js')
      const { ended } = kit.program(process.execPath, [program], { env: { PATH: kit.folder() } })
      expect(await ended).toEqual({
        code: 0,
        signal: null,
        stdout: expect.stringMatching(/^skipped: needs .+\n$/),
        stderr: '',
      })
    },
  )

  test.skipIf(!has('ss') || !onLinux)('its ss commands are understood by ss (needs ss)', () => {
    const [, own = '0'] = /iproute2-(\d+\.\d+)/.exec(stdoutOf('ss -V')) ?? []
    // What a newer ss understands says so: `ss -tanB` (iproute2 6.8 and later).
    const found = text.matchAll(
      /`(ss -[^`|]+?)(?: \|[^`]*)?`(?:\s+\(iproute2 ([\d.]+) and later\))?/g,
    )
    const commands = [...found]
      .filter(([, , since = '0']) => own.localeCompare(since, 'en', { numeric: true }) >= 0)
      .map(([, one]) => one!.replaceAll(/\s+/g, ' '))
    expect(commands.length).toBeGreaterThan(8)
    for (const command of new Set(commands)) {
      const real = command.replace('PORT', '7020')
      expect(() => stdoutOf(real), real).not.toThrow()
    }
  })

  kitTest.skipIf(!onLinux)(
    'EMFILE: a server without descriptors accepts, closes, and says nothing (needs Linux)',
    async ({ kit }) => {
      const source = `
        const server = require('node:net').createServer(() => console.log('accepted'))
        server.on('error', error => console.log('error', error.code))
        server.listen(0, '127.0.0.1', () => console.log('listening', server.address().port))`
      const shell = 'ulimit -n 40; exec "$0" -e "$1"'
      const server = kit.program('sh', ['-c', shell, process.execPath, source])
      const port = Number((await server.line(/^listening /)).split(' ')[1])
      const peers = await Promise.all(Array.from({ length: 40 }, () => kit.connect(port)))
      await Promise.any(peers.map(peer => peer.closed))
      expect(server.lines.filter(line => line === 'accepted').length).toBeLessThan(40)
      expect(server.lines.filter(line => line.startsWith('error'))).toEqual([])
      expect(server.running).toBe(true)
    },
  )
})
