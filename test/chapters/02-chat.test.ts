import { describe, expect } from 'vitest'
import { type Kit, type Server, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { flood, type TcpPeer } from '../support/tcp-peer.ts'

const MIB = 2 ** 20

/** Joins, and waits until the server knows it. */
async function join(kit: Kit, server: Server, options?: { reading: boolean }): Promise<TcpPeer> {
  const member = await kit.connect(server, options)
  await server.line(new RegExp(`^joined ${name(member)} \\d+ members?$`))
  return member
}

const names = new WeakMap<TcpPeer, string>()
/** How the server calls a member, also after the member has gone. */
function name(member: TcpPeer): string {
  const known = names.get(member) ?? `127.0.0.1:${member.socket.localPort}`
  names.set(member, known)
  return known
}

/** Says lines of 1000 bytes until something has happened; listens that everyone keeps up. */
async function talkUntil(ann: TcpPeer, ben: TcpPeer, done: () => boolean): Promise<number> {
  const line = `${'blah '.repeat(200).slice(0, 999)}\n`
  const heard = `${name(ann)}: ${line}`.length
  let said = 0
  while (!done()) {
    for (let i = 0; i < 100; i++) ann.socket.write(line)
    said += 100
    while (ben.socket.bytesRead < said * heard) {
      await new Promise(resolve => ben.socket.once('data', resolve))
    }
    if (said > 100_000) throw new Error('100 MB said, and nothing has happened')
  }
  return said
}

describe.concurrent('02 chat', () => {
  test('tells every line to all others, and not to the one who said it', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const [ann, ben, cat] = [
      await join(kit, server),
      await join(kit, server),
      await join(kit, server),
    ]
    await ann.write('hello\n')
    for (const other of [ben, cat]) await other.receive(`${name(ann)}: hello\n`)
    // Ann gets what comes after her own line, and nothing before it.
    await ben.write('hi, Ann\n')
    await ann.receive('hi, Ann\n')
    expect(ann.received.toString()).toBe(`${name(ben)}: hi, Ann\n`)
    await cat.receive('hi, Ann\n')
    expect(cat.received.toString()).toBe(`${name(ann)}: hello\n${name(ben)}: hi, Ann\n`)
  })

  test('joins the halves of a character and of a line that arrive apart', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const [ann, ben] = [await join(kit, server), await join(kit, server)]
    ann.socket.setNoDelay()
    const bytes = Buffer.from('żółw 🐢\n')
    for (const byte of bytes) {
      await ann.write(Buffer.of(byte))
      // Ben's answer comes back when the server has read what was sent before it.
      await ben.write('go on\n')
      await ann.receive(1)
    }
    await ben.receive('\n')
    expect(ben.received.toString()).toBe(`${name(ann)}: żółw 🐢\n`)
  })

  test('drops a member who does not read, at the limit, and holds nobody up', async ({ kit }) => {
    const server = await kit.server('02/chat', '--max-waiting-bytes', '300000')
    const [ann, ben] = [await join(kit, server), await join(kit, server)]
    const cat = await join(kit, server, { reading: false })
    const dropped = new RegExp(`^dropped ${name(cat)} (\\d+) bytes waiting$`)
    const find = () => server.lines.find(line => dropped.test(line))
    const said = await talkUntil(ann, ben, () => find() !== undefined)
    const waiting = Number(dropped.exec(find()!)?.[1])
    expect(waiting).toBeGreaterThan(300_000)
    expect(waiting).toBeLessThan(310_000)
    await server.line(new RegExp(`^left ${name(cat)} 2 members$`))
    expect(server.lines.filter(line => line.startsWith('dropped '))).toHaveLength(1)
    cat.socket.resume()
    expect((await cat.closed).length).toBeLessThan(said * 1000)
    await ann.write('are you there?\n')
    await ben.receive('are you there?\n')
  })

  test('drops a member whose line is too long, ended or not, and nobody else', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const [ann, ben] = [await join(kit, server), await join(kit, server)]
    const [endless, long] = [await join(kit, server), await join(kit, server)]
    await flood(endless.socket, MIB)
    await long.write(`${'ż'.repeat(4097)}\n`)
    for (const member of [endless, long]) {
      await server.line(`dropped ${name(member)} a line of more than 8192 bytes`)
      await member.closed
    }
    await ann.write('quiet now\n')
    await ben.receive('quiet now\n')
    expect(ben.received.toString()).toBe(`${name(ann)}: quiet now\n`)
  })

  test('survives a member who resets, and tells the others nothing of it', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const [ann, ben] = [await join(kit, server), await join(kit, server)]
    const rude = await join(kit, server)
    await rude.write('half a li')
    const gone = name(rude)
    rude.socket.resetAndDestroy()
    await server.line(`left ${gone} 2 members`)
    await ann.write('hello\n')
    await ben.receive('hello\n')
    expect(ben.received.toString()).toBe(`${name(ann)}: hello\n`)
    expectNoStack(server.stderr)
  })

  test('two clients talk, and each leaves when its input ends', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const ann = kit.client('02/chat', server, { input: 'open' })
    await server.line(/^joined .* 1 member$/)
    const ben = kit.client('02/chat', server, { input: 'open' })
    await server.line(/^joined .* 2 members$/)
    ann.stdin.write('hello Ben\n')
    await ben.line(/^127\.0\.0\.1:\d+: hello Ben$/)
    ben.stdin.end('bye\n')
    await ann.line(/: bye$/)
    expect(await ben.ended).toMatchObject({ code: 0, stderr: '' })
    server.kill('SIGKILL')
    expect(await ann.ended).toMatchObject({
      code: 1,
      stderr: 'the server ended the conversation\n',
    })
  })

  test('the demo: Cat is dropped, Ben hears every line', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const exit = await kit.client('02/chat', server, { role: 'demo' }).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toContain('ann said 8000 lines, ben heard 8000\n')
    const got = Number(/^cat got (\d+) bytes before she was dropped$/m.exec(exit.stdout)?.[1])
    expect(got).toBeGreaterThan(0)
    expect(got).toBeLessThan(8000 * 1000)
    await server.line(/^dropped .* \d+ bytes waiting$/)
  })

  test('demo ends with one line when its server is killed in the middle', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const demo = kit.client('02/chat', server, { role: 'demo', args: ['--lines', '1000000'] })
    for (let joined = 1; joined <= 3; joined++) await server.line(/^joined /)
    server.kill('SIGKILL')
    const { code, stderr } = await demo.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^.+\n$/)
    expectNoStack(stderr)
  })
})
