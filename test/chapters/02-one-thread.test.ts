import { spawnSync } from 'node:child_process'
import { describe, expect } from 'vitest'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { has, type Server, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'

const childrenOf = ({ pid }: Server) => spawnSync('pgrep', ['-P', String(pid)]).stdout.length

describe.skipIf(process.platform === 'win32').concurrent('02 one-thread', () => {
  test('answers Ben after Ann where the thread blocks, and before her otherwise', async ({
    kit,
  }) => {
    const server = await kit.server('02/one-thread')
    const exit = await kit.client('02/one-thread', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [blocking, polling, events] = exit.stdout.trimEnd().split('\n')
    expect(blocking).toMatch(/^blocking: Ben was answered after [\d.]+ ms, when Ann had spoken$/)
    expect(polling).toMatch(/^polling: .* while Ann was silent, asked \d+ times in vain$/)
    expect(events).toMatch(/^event loop: Ben was answered after [\d.]+ ms, while Ann was silent$/)
    await server.line('gave 2 connections to a child: blocking')
    await server.line('gave 2 connections to a child: polling')
  })

  test.skipIf(!has('pgrep'))(
    'has no child left when its clients have gone, or when it ends (needs pgrep)',
    async ({ kit }) => {
      const server = await kit.server('02/one-thread')
      const pair = async (way: string) => {
        const clients = [await kit.connect(server), await kit.connect(server)]
        for (const client of clients) await client.write(way)
        await waitUntil('a child starts', () => childrenOf(server) > 0)
        return clients
      }
      for (const client of await pair('polling')) client.socket.resetAndDestroy()
      await waitUntil('no child is left', () => childrenOf(server) === 0)
      const [ann, ben] = await pair('blocking')
      expectNoStack((await server.stop()).stderr)
      await Promise.all([ann!.closed, ben!.closed])
    },
  )
})
