import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { withSome } from '../support/slow.ts'
import { Programs, run, start, textsOf } from './programs.ts'

const programs = new Programs()
afterAll(() => programs.remove())

const traced = (source: string, input?: string) =>
  run(programs.write(source), input === undefined ? {} : { input })

/** A server on a free port and a client of it, in one process: socket 1 is the client's. */
const pair = (onConnection: string, onConnect: string, options = '{}') => `
import { connect, createServer } from 'node:net'
const server = createServer(${options}, peer => { ${onConnection} })
server.listen(0, '127.0.0.1', () => {
  const socket = connect(server.address().port, '127.0.0.1', () => { ${onConnect} })
  socket.on('error', () => {})
  socket.on('close', () => server.close())
})
`

describe('js-hook records of TCP sockets', () => {
  test('listening, connect, connection, data, end, close, and the calls write() and end()', async () => {
    const { events, code } = await traced(
      pair(
        `peer.pipe(peer)`,
        `socket.write('hello'); socket.once('data', () => socket.end(Buffer.from('bye')))`,
        '{ allowHalfOpen: true }',
      ),
    )
    expect(code).toBe(0)
    expect(textsOf(events)).toEqual([
      'listen(127.0.0.1:PORT)',
      'listening 127.0.0.1:PORT',
      'close() of the server',
      'close of the server',
    ])
    expect(textsOf(events, 1).slice(0, 5)).toEqual([
      'connect(127.0.0.1:PORT)',
      'connect 127.0.0.1:PORT',
      'write(5 bytes "hello")',
      'data 5 bytes "hello"',
      'end(3 bytes "bye")',
    ])
    expect(textsOf(events, 2)).toEqual([
      'connection 127.0.0.1:PORT',
      'data 5 bytes "hello"',
      'write(5 bytes "hello")',
      'data 3 bytes "bye"',
      'write(3 bytes "bye")',
      'end',
      'end()',
      'close',
    ])
    expect(events.filter(each => each.event === 'data')[0]).toMatchObject({ lane: 'js', bytes: 5 })
    const times = events.map(({ tNs }) => tNs)
    expect(Math.min(...times)).toBeGreaterThan(0)
  })

  test('end() by Node where the peer has ended and allowHalfOpen is false', async () => {
    const { events } = await traced(pair('peer.on("data", () => {})', 'socket.end()'))
    expect(textsOf(events, 2)).toEqual([
      'connection 127.0.0.1:PORT',
      'end',
      'end() by Node: allowHalfOpen is false',
      'close',
    ])
    expect(textsOf(events, 1)).toContain('end()')
  })

  test('an error with the call that failed, and that the close came of it', async () => {
    const { events } = await traced(`
import { connect, createServer } from 'node:net'
const server = createServer().listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  server.close(() => connect(port, '127.0.0.1').on('error', () => {}))
})`)
    expect(textsOf(events, 1)).toEqual([
      'connect(127.0.0.1:PORT)',
      'error ECONNREFUSED in connect',
      'close after an error',
    ])
  })

  test('the error of a server', async () => {
    const { events, code } = await traced(`
import { createServer } from 'node:net'
createServer().on('error', () => {}).listen(0, '192.0.2.1')`)
    expect(code).toBe(0)
    expect(textsOf(events)).toEqual(['listen(192.0.2.1:0)', 'error EADDRNOTAVAIL in listen'])
  })

  test.runIf(withSome)('an error that is no Error', async () => {
    const { events } = await traced(pair('peer.resume()', `socket.destroy('a string')`))
    expect(textsOf(events, 1)).toContain('error a string')
  })

  test('resetAndDestroy() at one end, ECONNRESET at the other', async () => {
    const { events } = await traced(
      pair(
        `peer.on('error', () => {}); peer.write('x')`,
        `socket.once('data', () => socket.resetAndDestroy())`,
      ),
    )
    expect(textsOf(events, 1)).toEqual([
      'connect(127.0.0.1:PORT)',
      'connect 127.0.0.1:PORT',
      'data 1 byte "x"',
      'resetAndDestroy()',
      'close',
    ])
    expect(textsOf(events, 2).slice(-2)).toEqual([
      'error ECONNRESET in read',
      'close after an error',
    ])
  })

  test('destroy() of the program, once, and not that of Node', async () => {
    const { events } = await traced(
      pair(`peer.on('error', () => {}); peer.resume()`, 'socket.destroy(); socket.destroy()'),
    )
    expect(textsOf(events, 1)).toEqual([
      'connect(127.0.0.1:PORT)',
      'connect 127.0.0.1:PORT',
      'destroy()',
      'close',
    ])
    expect(textsOf(events, 2)).not.toContain('destroy()')
  })

  test('a write() that returned false, and drain', async () => {
    const { events } = await traced(
      pair(
        `peer.once('data', () => {}); peer.on('error', () => {})`,
        `console.log(socket.write(Buffer.alloc(1000)), socket.write(Buffer.alloc(8_000_000)))
         socket.on('drain', () => socket.end())`,
      ),
    )
    const texts = textsOf(events, 1)
    expect(texts.slice(2, 4)).toEqual(['write(1000 bytes)', 'write(8000000 bytes) → false'])
    expect(texts.indexOf('drain')).toBeGreaterThan(3)
    expect(events.filter(({ event }) => event === 'print').map(({ text }) => text)).toEqual([
      'true false',
    ])
  })

  test('timeout', async () => {
    const { events } = await traced(
      pair('peer.resume()', `socket.setTimeout(1, () => socket.end())`),
    )
    expect(textsOf(events, 1)).toContain('timeout')
  })

  test.runIf(withSome)('drop where maxConnections is reached', async () => {
    const { events } = await traced(`
import { connect, createServer } from 'node:net'
const server = createServer(peer => peer.resume())
server.maxConnections = 1
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const first = connect(port, '127.0.0.1', () => connect(port, '127.0.0.1').on('error', () => {}))
  server.on('drop', () => { first.end(); server.close() })
})`)
    expect(textsOf(events)).toContain('drop: maxConnections reached')
  })

  test('pause() and resume() of the program, and not those of pipe()', async () => {
    const { events } = await traced(
      pair(
        'peer.pause(); peer.resume(); peer.pipe(peer)',
        `socket.pipe(new (await import('node:stream')).PassThrough()).resume(); socket.end('x')`,
      ).replace("'127.0.0.1', () => { socket", "'127.0.0.1', async () => { socket"),
    )
    expect(textsOf(events, 2).slice(0, 3)).toEqual([
      'connection 127.0.0.1:PORT',
      'pause()',
      'resume()',
    ])
    expect(textsOf(events, 1).filter(text => /pause|resume/.test(text))).toEqual([])
  })

  test.runIf(withSome)('text that was decoded, in characters', async () => {
    const { events } = await traced(
      pair('peer.setEncoding("utf8"); peer.on("data", () => peer.end())', `socket.end('é漢')`),
    )
    expect(textsOf(events, 1)).toContain('end(5 bytes "é漢")')
    expect(textsOf(events, 2)).toContain('data 2 characters "é漢"')
  })

  test.runIf(withSome)('bytes that were written as hex, and not the text of the hex', async () => {
    const { events } = await traced(
      pair('peer.resume()', `socket.write('00ff', 'hex'); socket.end()`),
    )
    expect(textsOf(events, 1)).toContain('write(2 bytes 00 ff)')
  })

  test('the path of a Unix domain socket, and of a connection over it no peer', async () => {
    const { events } = await traced(`
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
const folder = mkdtempSync('${programs.folder}/unix-')
const server = createServer(peer => peer.end()).listen(folder + '/s', () => {
  connect(folder + '/s').on('data', () => {}).on('close', () => server.close())
})`)
    expect(textsOf(events)[1]).toMatch(/^listening .+\/s$/)
    expect(textsOf(events, 1).slice(0, 2)).toEqual([
      expect.stringMatching(/^connect\(.+\/s\)$/),
      'connect',
    ])
    expect(textsOf(events, 2)[0]).toBe('connection')
  })
})

test('js-hook records the sockets of node:dgram', async () => {
  const { events, code } = await traced(`
import dgram from 'node:dgram'
const server = dgram.createSocket('udp4')
server.on('message', (_message, peer) => server.send('pong', peer.port, peer.address))
server.bind(0, '127.0.0.1', () => {
  const client = dgram.createSocket('udp4')
  client.on('message', () => { client.close(); server.close() })
  client.connect(server.address().port, '127.0.0.1', () => client.send(Buffer.from('ping')))
})`)
  expect(code).toBe(0)
  expect(textsOf(events, 1)).toEqual([
    'listening 127.0.0.1:PORT',
    'message 4 bytes "ping" from 127.0.0.1:PORT',
    'send(4 bytes "pong" to 127.0.0.1:PORT)',
    'close',
  ])
  const client = textsOf(events, 2)
  for (const text of ['connect 127.0.0.1:PORT', 'send(4 bytes "ping")', 'close'])
    expect(client).toContain(text)
  expect(client).toContain('message 4 bytes "pong" from 127.0.0.1:PORT')
  expect(events.find(({ event }) => event === 'message')).toMatchObject({ bytes: 4 })
})

test('js-hook records a dgram socket that cannot bind', async () => {
  const { events } = await traced(`
import dgram from 'node:dgram'
const socket = dgram.createSocket('udp4').on('error', () => socket.close())
socket.bind(0, '192.0.2.1')`)
  expect(textsOf(events, 1)).toEqual(['error EADDRNOTAVAIL in bind', 'close'])
})

test('js-hook records request and response of node:http with the sockets below', async () => {
  const { events, stdout } = await traced(`
import { createServer, get } from 'node:http'
const server = createServer((request, response) => response.writeHead(404).end('nothing'))
server.listen(0, '127.0.0.1', () => {
  get({ port: server.address().port, host: '127.0.0.1', path: '/who?x=1', agent: false }, response => {
    response.on('data', data => console.log(String(data)))
    response.on('end', () => server.close())
  })
})`)
  expect(stdout).toBe('nothing\n')
  const texts = events.map(({ text }) => text)
  expect(texts).toContain('request GET /who?x=1')
  expect(texts).toContain('response 404 Not Found')
  expect(textsOf(events, 1)[0]).toBe('connect(127.0.0.1:PORT)')
  expect(events.find(({ event }) => event === 'response')?.socket).toBe(1)
  expect(events.find(({ event }) => event === 'request')?.socket).toBe(2)
})

describe('js-hook records what a program prints', () => {
  const printed = async (source: string, input?: string) => {
    const { events } = await traced(source, input)
    return events.filter(({ event }) => event === 'print').map(({ text }) => text)
  }

  test('line by line, of both streams, in the order of the calls', async () => {
    expect(
      await printed(
        `console.log('one\\ntwo'); console.error('three'); process.stdout.write('four\\n')`,
      ),
    ).toEqual(['one', 'two', 'three', 'four'])
  })

  test.runIf(withSome)('as one line what was written in pieces', async () => {
    expect(
      await printed(`
for (const piece of ['he', 'll', 'o\\nwor', 'ld\\n']) process.stdout.write(piece)`),
    ).toEqual(['hello', 'world'])
  })

  test('with a character whose bytes were written in two pieces', async () => {
    expect(
      await printed(`
const bytes = Buffer.from('a漢b\\n')
process.stdout.write(bytes.subarray(0, 2))
process.stdout.write(bytes.subarray(2))`),
    ).toEqual(['a漢b'])
  })

  test.runIf(withSome)('with a last line that has no end', async () => {
    expect(await printed(`process.stdout.write('one\\ntwo')`)).toEqual(['one', 'two'])
    expect(await printed(`process.stdout.write('then gone'); process.exit(0)`)).toEqual([
      'then gone',
    ])
  })

  test.runIf(withSome)('with empty lines', async () => {
    expect(await printed(`console.log(); console.log('x\\n\\ny')`)).toEqual(['', 'x', '', 'y'])
  })

  test('in the encoding that was said', async () => {
    expect(await printed(`process.stdout.write('68690a', 'hex')`)).toEqual(['hi'])
  })
})

test('js-hook does not take the standard streams for sockets', async () => {
  const { events, stdout } = await traced(
    `process.stdin.pipe(process.stdout); process.stdin.on('end', () => console.error('over'))`,
    'typed\n',
  )
  expect(stdout).toBe('typed\n')
  expect(events.map(({ event, text }) => [event, text])).toEqual([
    ['print', 'typed'],
    ['print', 'over'],
  ])
})

describe('js-hook changes nothing:', () => {
  const state = `console.log(socket.readableFlowing, socket.isPaused(), socket.listenerCount('data'),
    socket.listenerCount('error'), socket.listenerCount('close'), socket.listenerCount('end'))`

  test.each([
    [
      'a socket that nobody reads stays unread',
      pair(
        'setImmediate(() => peer.end("unread"))',
        `${state}; socket.once('readable', () => { ${state}; socket.resume() })`,
      ),
    ],
    [
      'an accepted socket that nobody reads stays unread',
      pair(
        `const socket = peer; ${state}; peer.once('readable', () => { ${state}; peer.resume(); peer.end() })`,
        `socket.resume(); socket.end('unread')`,
      ),
    ],
    [
      'an address that was asked for too late is not remembered',
      pair(
        `peer.resume(); peer.on('close', () => console.log(peer.remoteAddress))`,
        'socket.end()',
      ),
    ],
    [
      'a paused socket stays paused',
      pair(
        'peer.end("x".repeat(1000))',
        `socket.on('data', () => {}); socket.pause(); setImmediate(() => { ${state}; console.log(socket.readableLength <= 1000); socket.resume() })`,
      ),
    ],
    [
      'async iteration sees every byte',
      pair(
        'peer.end("x".repeat(300_000))',
        `let bytes = 0; for await (const chunk of socket) bytes += chunk.length; console.log(bytes)`,
      ).replace("'127.0.0.1', () => { let", "'127.0.0.1', async () => { let"),
    ],
    [
      'callbacks and return values are the same',
      pair(
        'peer.resume()',
        `console.log(process.stdout.write('w\\n', () => console.log('written')), socket.write('x', () => { console.log('sent'); console.log(socket.end(() => console.log('ended')) === socket) }))`,
      ),
    ],
    [
      'an error that nobody listens to ends the program',
      `import { connect } from 'node:net'\nconnect({ port: 1, host: '127.0.0.1', localAddress: '192.0.2.1' })`,
    ],
    [
      'an exception ends the program',
      `process.stdout.write('before'); throw new RangeError('thrown')`,
    ],
    [
      'a rejection ends the program',
      `Promise.reject(new RangeError('rejected')); setInterval(() => {}, 1e6)`,
    ],
    ['process.exit() keeps its code', `console.log('leaving'); process.exit(3)`],
    ['process.exitCode is kept', `process.exitCode = 4; console.log('left')`],
    [
      'a signal ends the program',
      `process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1e6)`,
    ],
    [
      'a wrong argument throws the same',
      `import { connect } from 'node:net'\ntry { connect(70000) } catch (error) { console.log(error.code) }\ntry { new (await import('node:net')).Socket().write(5) } catch (error) { console.log(error.code) }`,
    ],
    [
      'methods keep their names off the instance',
      pair(
        'peer.end()',
        `console.log(Object.keys(socket).includes('write'), socket.constructor.name); socket.resume()`,
      ),
    ],
  ])('%s', async (_what, source) => {
    const file = programs.write(source)
    const [plain, hooked] = await Promise.all([run(file, { plain: true }), run(file)])
    expect(hooked.stdout).toBe(plain.stdout)
    expect([hooked.code, hooked.signal]).toEqual([plain.code, plain.signal])
    // Of a crash: the error, not the line of the hook through which it went.
    const errorOf = (text: string) => text.match(/^\w*Error.*$/m)?.[0]
    expect(errorOf(hooked.stderr)).toBe(errorOf(plain.stderr))
  })

  test('nor when the observer has gone', async () => {
    const child = start(
      programs.write(`
process.stdin.once('data', () => { for (let n = 0; n < 100; n++) console.log('line', n); process.exit(5) })
console.log('ready')`),
    )
    const [first] = await once(child.stdout!, 'data')
    expect(String(first)).toBe('ready\n')
    ;(child.stdio[3] as Readable).destroy()
    await once(child.stdio[3] as Readable, 'close')
    let out = ''
    child.stdout!.on('data', chunk => {
      out += chunk
    })
    child.stdin!.end('go\n')
    expect(await once(child, 'close')).toEqual([5, null])
    expect(out.split('\n')).toHaveLength(101)
  })
})

describe('js-hook with a lifeline', () => {
  test('ends a program that would run for ever when its parent has gone', async () => {
    const child = start(programs.write(`console.log('ready'); setInterval(() => {}, 1e6)`))
    child.stdio[3] && (child.stdio[3] as Readable).resume()
    await once(child.stdout!, 'data')
    ;(child.stdio[4] as Writable).destroy()
    expect(await once(child, 'exit')).toEqual([1, null])
  })

  test.runIf(withSome)('lets a program end that has nothing left to do', async () => {
    const { code, stdout } = await traced(`console.log('done')`)
    expect([code, stdout]).toEqual([0, 'done\n'])
  })
})
