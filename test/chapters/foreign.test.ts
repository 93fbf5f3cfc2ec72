import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect } from 'vitest'
import { has, type Kit, test } from '../support/kit.ts'
import { expectNoStack, type Program, type ProgramOptions } from '../support/program.ts'

const FOREIGN = fileURLToPath(new URL('../support/foreign.py', import.meta.url))
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')

const nc = (kit: Kit, port: number, input: ProgramOptions['input']) =>
  kit.program('nc', ['-N', '127.0.0.1', String(port)], { ...(input !== undefined && { input }) })

// -t 60: socat would otherwise wait half a second for an answer after its input has ended.
const socat = (kit: Kit, address: string, input: string | Uint8Array) =>
  kit.program('socat', ['-t', '60', '-', address], { input })

const python = (kit: Kit, role: string, port?: number) =>
  kit.program('python3', [FOREIGN, role, ...(port === undefined ? [] : [String(port)])])

/** The port in the line by which a foreign server says that it listens. */
const portIn = (line: string): number => Number(/(\d+)$/.exec(line.trim())?.[1])

const pythonServer = async (kit: Kit, role: string): Promise<number> =>
  portIn(await python(kit, role).line(/^listening /))

describe.skipIf(!has('nc')).concurrent('nc (needs nc)', () => {
  test('gets its bytes back from 02:server', async ({ kit }) => {
    const server = await kit.server('02/echo')
    expect(await nc(kit, server.port, 'hi\n').ended).toMatchObject({ code: 0, stdout: 'hi\n' })
    await server.line(/^closed .* 3 bytes$/)
  })

  test('gets an answer from 01:server', async ({ kit }) => {
    const server = await kit.server('01/tcp')
    const { stdout } = await nc(kit, server.port, 'who?').ended
    expect(stdout).toMatch(/^you are 127\.0\.0\.1:\d+, I am 127\.0\.0\.1:\d+\n$/)
    expect(stdout).toContain(server.where)
  })

  test('gets an answer from 01:server over IPv6', async ({ kit }) => {
    const server = await kit.server('01/tcp', '--host', '::1')
    expect(server.where).toBe(`[::1]:${server.port}`)
    const args = ['-N', '::1', String(server.port)]
    const { stdout } = await kit.program('nc', args, { input: 'who?' }).ended
    expect(stdout).toMatch(/^you are \[::1\]:\d+, I am \[::1\]:\d+\n$/)
  })

  test('gets an answer from 01:unix:server', async ({ kit }) => {
    const server = await kit.server('01/unix')
    const { stdout } = await kit.program('nc', ['-N', '-U', server.where], { input: 'who?' }).ended
    expect(stdout).toBe(`you are a process on this machine, I am ${server.where}\n`)
  })

  test('chats with our own client', async ({ kit }) => {
    const server = await kit.server('02/chat')
    const ann = kit.client('02/chat', server, { input: 'open' })
    await server.line(/^joined .* 1 member$/)
    const ben = nc(kit, server.port, 'open')
    await server.line(/^joined .* 2 members$/)
    ann.stdin.write('hello nc\n')
    await ben.line(/^127\.0\.0\.1:\d+: hello nc$/)
    ben.stdin.end('bye\n')
    await ann.line(/^127\.0\.0\.1:\d+: bye$/)
    await server.line(/^left .* 1 member$/)
  })

  test('as a server answers 01:client', async ({ kit }) => {
    const args = ['-N', '-n', '-v', '-l', '127.0.0.1', '0']
    const server = kit.program('nc', args, { input: 'I am nc\n' })
    const port = portIn(await server.complaint(/^Listening on /))
    const exit = await kit.client('01/tcp', port).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toMatch(/^answer I am nc$/m)
    expect((await server.ended).stdout).toBe('who is who?')
  })
})

describe.skipIf(!has('socat')).concurrent('socat (needs socat)', () => {
  test('gets 1 MB back from 02:server', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const data = randomBytes(1e6)
    const client = socat(kit, `TCP:127.0.0.1:${server.port}`, data)
    expect((await client.ended).code).toBe(0)
    expect(sha256(client.bytes)).toBe(sha256(data))
  })

  test('gets an answer from 01:unix:server', async ({ kit }) => {
    const server = await kit.server('01/unix')
    const { stdout } = await socat(kit, `UNIX-CONNECT:${server.where}`, 'who?').ended
    expect(stdout).toBe(`you are a process on this machine, I am ${server.where}\n`)
  })

  test('as an echo server returns 1 MB to 02:client', async ({ kit }) => {
    const address = 'TCP-LISTEN:0,bind=127.0.0.1,fork'
    const server = kit.program('socat', ['-d', '-d', '-t', '60', address, 'EXEC:cat'])
    const port = portIn(await server.complaint(/ listening on /))
    const data = randomBytes(1e6)
    const client = kit.client('02/echo', port, { input: data })
    expect(await client.ended).toMatchObject({ code: 0, stderr: '' })
    expect(sha256(client.bytes)).toBe(sha256(data))
    expect(await says(kit, port, 'again')).toMatchObject({ code: 0, stdout: 'again\n' })
  })

  test('as a server answers 01:unix:client', async ({ kit }) => {
    const path = join(kit.folder(), 'socat.sock')
    const server = kit.program('socat', ['-d', '-d', `UNIX-LISTEN:${path}`, 'EXEC:"head -c 11"'])
    await server.complaint(/ listening on /)
    const exit = await kit.script('01:unix:client', ['--path', path]).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toMatch(/^answer who is who\?$/m)
  })
})

describe.skipIf(!has('python3')).concurrent('a raw socket (needs python3)', () => {
  test('gets back from 02:server what it sent byte by byte before its FIN', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const exit = await python(kit, 'byte_client', server.port).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'raw żółw\n', stderr: '' })
  })

  test.for(['02/echo', '02/chat', '01/tcp', '02/graceful'])(
    'that resets does not end %s',
    async (id, { kit }) => {
      const server = await kit.server(id)
      expect((await python(kit, 'reset_client', server.port).ended).code).toBe(0)
      // The server has seen the reset when it says so, or says that the connection is gone.
      const seen = () => server.lines.some(line => /^(closed|left) /.test(line))
      await server.waitFor(seen, 'end of the connection')
      await kit.connect(server)
      expectNoStack((await server.stop()).stderr)
    },
  )

  test('that answers only after our FIN is waited for by 02:client', async ({ kit }) => {
    const exit = await says(kit, await pythonServer(kit, 'late_server'), 'late')
    expect(exit).toMatchObject({ code: 0, stdout: 'late\n', stderr: '' })
  })

  test('that resets makes 02:client say so in one line', async ({ kit }) => {
    const port = await pythonServer(kit, 'reset_server')
    const exit = await says(kit, port, 'reset me')
    expect(exit).toMatchObject({ code: 1, stdout: '' })
    expect(exit.stderr).toMatch(
      /^(lost the connection to 127\.0\.0\.1:\d+: \w+ \(.+\)|the server closed before .+)\n$/,
    )
  })
})

function says(kit: Kit, port: number, message: string): Promise<Awaited<Program['ended']>> {
  return kit.client('02/echo', port, { args: ['--message', message] }).ended
}
