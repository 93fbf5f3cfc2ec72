import { describe, expect } from 'vitest'
import { scriptName } from '#lib/catalogue/index.ts'
import { entries, onLinux, type Server, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread } from '../support/slow.ts'

const runnable = entries.filter(({ example }) => example.needs !== 'linux' || onLinux)

describe.concurrent.each(spread(runnable, 12, runnable.length))(
  '$id',
  ({ id, chapter, example }) => {
    test('runs as npm start runs it, and its client ends with exit code 0', async ({ kit }) => {
      const server: Server = await kit.server(id, ...(example.server.args ?? []))
      const role = example.demo ? 'demo' : 'client'
      const client = kit.client(id, server, { role, args: example[role]?.args ?? [] })
      const exit = await client.ended
      expect(exit, scriptName({ id, chapter, example }, role)).toMatchObject({
        code: 0,
        stderr: '',
      })
      expect(exit.stdout).not.toBe('')
      const { ends } = example.server
      if (ends === 'in a crash') {
        expect((await server.ended).code).not.toBe(0)
      } else if (ends !== undefined) {
        expect(await server.ended).toMatchObject({ code: 0 })
      } else {
        expectNoStack((await server.stop()).stderr)
      }
    })
  },
)
