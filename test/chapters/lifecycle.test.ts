import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { ROOT, type Role, scriptName } from '#lib/catalogue/index.ts'
import { entries, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread } from '../support/slow.ts'

test('every server ends on SIGINT and SIGTERM, and reports what it cannot listen on in one way', () => {
  for (const { chapter, example } of entries) {
    const file = join(ROOT, 'chapters', chapter.folder, example.server.file)
    const text = readFileSync(file, 'utf8')
    for (const part of ['exitCannotListen(', "'SIGINT'", "'SIGTERM'"])
      expect(text, file).toContain(part)
  }
})

describe.concurrent.each(spread(entries, 4, 10))('$id server', entry => {
  const { id, example } = entry
  const unix = example.transport === 'unix'
  const udp = example.transport === 'udp'
  const command = `npm run ${scriptName(entry, 'server')}`
  const flags = example.server.quickArgs ?? []

  test('first says where it listens, and SIGINT ends it with exit code 0', async ({ kit }) => {
    const server = await kit.server(id, ...flags)
    expect(server.lines[0]).toMatch(
      unix ? /^listening \/.+\.sock$/ : /^listening 127\.0\.0\.1:[1-9]\d*$/,
    )
    const exit = await server.stop('SIGINT')
    expect(exit.stderr).toBe('')
    if (unix) expect(existsSync(server.where)).toBe(false)
  })

  test('SIGTERM ends it under a client, and its port is free', async ({ kit }) => {
    const server = await kit.server(id, ...flags)
    if (udp) {
      await (await kit.bindUdp()).send('hello', server.port)
      expectNoStack((await server.stop('SIGTERM')).stderr)
      return
    }
    const peer = await kit.connect(server)
    expectNoStack((await server.stop('SIGTERM')).stderr)
    await peer.closed
  })

  test('says in one line that its port is busy, and what to do', async ({ kit }) => {
    const first = await kit.server(id, ...flags)
    const second = kit.script(scriptName(entry, 'server'), [...first.address, ...flags])
    const { code, stdout, stderr } = await second.ended
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: unix
        ? `cannot listen on ${first.where}: EADDRINUSE (something is at that path already; ` +
          `choose another: ${command} -- --path TEXT)\n`
        : `cannot listen on ${first.where}: EADDRINUSE (that port is taken; ` +
          `any free port: ${command} -- --port 0)\n`,
    })
    if (udp) await first.stop()
    else await kit.connect(first)
  })

  const roles = (['client', 'demo'] satisfies Role[]).filter(role => example[role])
  test.for(roles)('is named by its %s when it is not running', async (role, { kit }) => {
    const where = unix
      ? join(kit.folder(), 'nobody.sock')
      : String(await kit.deadPort(udp ? 'udp' : 'tcp'))
    const args = example[role]?.args ?? []
    const client = kit.script(scriptName(entry, role), [unix ? '--path' : '--port', where, ...args])
    const { code, stdout, stderr } = await client.ended
    const refused = unix ? `${where}: ENOENT` : `127.0.0.1:${where}: ECONNREFUSED`
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `cannot connect to ${refused} (is the server running? ${command})\n`,
    })
  })
})
