import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, vi } from 'vitest'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { commandOf, onLinux, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { withSome } from '../support/slow.ts'

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
/** The server's ends of the connections to a port, as the kernel lists them. */
const rowsTo = (port: number) => readTcpTable().filter(row => row.localPort === port)
const client = commandOf('02:client').join(' ')

describe.concurrent('02 echo client', () => {
  test('is a part of a pipe: echo hi | npm run -s 02:client', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const command = `echo hi | npm run -s 02:client -- --port ${server.port}`
    const exit = await kit.program('sh', ['-c', command]).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'hi\n' })
    expectNoStack(exit.stderr)
  })

  test('ends without a stack trace when head has seen enough', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const command = `while echo hello; do :; done | ${client} --port ${server.port} | head -1`
    const exit = await kit.program('sh', ['-c', command]).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'hello\n' })
    expectNoStack(exit.stderr)
    await server.line(/^closed /)
    expectNoStack(server.stderr)
  })

  test.runIf(withSome)('sends a file of 10 MB and prints it again, intact', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const data = randomBytes(10e6)
    const file = join(kit.folder(), 'data')
    writeFileSync(file, data)
    const program = kit.program('sh', ['-c', `${client} --port ${server.port} < ${file}`])
    expect(await program.ended).toMatchObject({ code: 0, stderr: '' })
    expect(program.bytes.length).toBe(data.length)
    expect(sha256(program.bytes)).toBe(sha256(data))
  })

  test('sends --message with a line end and prints the echo', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const exit = await kit.client('02/echo', server, { args: ['--message', 'hello'] }).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'hello\n', stderr: '' })
  })

  test.runIf(withSome)('answers line by line while standard input stays open', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const program = kit.client('02/echo', server, { input: 'open' })
    for (const line of ['one', 'two', 'three']) {
      program.stdin.write(`${line}\n`)
      await program.line(line)
    }
    program.stdin.end()
    expect(await program.ended).toMatchObject({ code: 0, stdout: 'one\ntwo\nthree\n', stderr: '' })
  })

  test('ends when its server dies while it waits for input', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const program = kit.client('02/echo', server, { input: 'open' })
    program.stdin.write('hello\n')
    await program.line('hello')
    server.kill('SIGKILL')
    // Nothing was on its way: the kernel closes the dead server's socket as any other.
    const { code, stdout, stderr } = await program.ended
    expect([code, stdout]).toEqual([1, 'hello\n'])
    expect(stderr).toMatch(/^the server at \S+ has ended the connection too early .+\n$/)
  })

  test('says so in one line when its server is killed with bytes on their way', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const program = kit.client('02/echo', server, { input: 'open' })
    program.stdin.write('hello\n')
    await program.line('hello')
    // A stopped server reads nothing and answers nothing, but its kernel takes what comes.
    server.kill('SIGSTOP')
    if (!program.stdin.write(Buffer.alloc(1e6, 'x'))) await once(program.stdin, 'drain')
    server.kill('SIGKILL')
    const exit = await program.ended
    expect(exit).toMatchObject({ code: 1, stdout: 'hello\n' })
    expect(exit.stderr).toMatch(
      /^(lost the connection to 127\.0\.0\.1:\d+: \w+ \(.+\)|the server closed before .+)\n$/,
    )
  })

  test.skipIf(!onLinux)(
    'reports a reset before the first byte as a lost connection (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/accept-queue', '--busy-ms', '60000')
      const program = kit.client('02/echo', server.port, { input: 'open' })
      program.stdin.write('hello\n')
      const arrived = () => rowsTo(server.port).some(row => row.rxQueue === 6)
      await vi.waitFor(() => expect(arrived()).toBe(true), { timeout: 20_000, interval: 20 })
      server.kill('SIGKILL')
      const exit = await program.ended
      expect(exit).toMatchObject({ code: 1, stdout: '' })
      expect(exit.stderr).toMatch(/^lost the connection to 127\.0\.0\.1:\d+: ECONNRESET \(.+\)\n$/)
    },
  )
})
