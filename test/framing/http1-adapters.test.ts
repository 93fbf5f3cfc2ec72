/** HTTP over real sockets, by nothing but a codec and an adapter. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as nodeRequest } from 'node:http'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { FrameError } from '#lib/framing/frame.ts'
import { http1Request, http1Response } from '#lib/framing/http1.ts'
import { framed, readFrames } from '#lib/framing/stream.ts'
import { bytes } from './support/cuts.ts'
import { collect, socketPair } from './support/sockets.ts'

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server of the kit: answers with the size of the body; asks for bodies, refuses large ones. */
function kitServer(): Server {
  return net.createServer({ allowHalfOpen: true }, async socket => {
    const decoder = http1Request({ maxBodyBytes: 100 }).decoder()
    const formats = { receive: http1Request(), send: http1Response() }
    const onWait = () => {
      if (decoder.awaitsContinue) void peer.send({ status: 100, reason: 'Continue' })
    }
    const peer = framed(socket, formats, { decoder, onWait })
    try {
      for await (const { method, body, keepAlive } of peer.frames) {
        const headers = keepAlive ? {} : { Connection: 'close' }
        await peer.send({ status: 200, headers, body: bytes(`${method} ${body.length}`) })
        if (!keepAlive) break
      }
    } catch (error) {
      const status = error instanceof FrameError ? error.status : undefined
      if (status !== undefined) await peer.send({ status, headers: { Connection: 'close' } })
    }
    await peer.end().catch(() => socket.destroy())
  })
}

test('framed serves HTTP to Node: requests in, responses out, 100 Continue in between', async () => {
  const port = await listen(kitServer())
  const ask = async (headers: object, body: string) => {
    const options = { port, host: '127.0.0.1', method: 'POST', headers: { ...headers } }
    const request = nodeRequest(options)
    if ('Expect' in headers) {
      request.flushHeaders()
      await once(request, 'continue')
    }
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return `${response.statusCode} ${await text(response)}`
  }
  expect(await ask({}, 'hello')).toBe('200 POST 5')
  expect(await ask({ Expect: '100-continue', 'Content-Length': 5 }, 'hello')).toBe('200 POST 5')
  expect(await ask({ Expect: 'x=y, 100-continue', 'Content-Length': 5 }, 'hello')).toBe(
    '200 POST 5',
  )
  expect(await ask({}, 'x'.repeat(101))).toBe('413 ')
})

test('framed answers the status of the error, after the good requests before it', async () => {
  const port = await listen(kitServer())
  for (const [bad, status] of [
    ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['FETCH / HTTP/1.1\r\nHost: a\r\n\r\n', 501],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    [`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['GET / HTTP/1.1\r\n\r\n', 400],
  ] as const) {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const client = framed(socket, { receive: http1Response(), send: http1Request() })
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${bad}`)
    void client.end()
    const answers = await collect(client.frames)
    expect(answers.map(answer => answer.status)).toEqual([200, status])
  }
})

test('framed sends 100 Continue once, however many times bytes of the head arrive', async () => {
  const port = await listen(kitServer())
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  onTestFinished(() => {
    socket.destroy()
  })
  const head =
    'PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n'
  for (const byte of bytes(head)) {
    await new Promise(resolve => socket.write(Uint8Array.of(byte), resolve))
  }
  const frames = readFrames(socket, http1Response())
  expect((await frames.next()).value?.status).toBe(100)
  socket.write('hi')
  expect((await frames.next()).value?.status).toBe(200)
  expect((await frames.next()).done).toBe(true)
})

test('framed asks Node with HEAD and GET on one connection, each with its own body', async () => {
  const server = createServer((request, response) => {
    response.setHeader('Content-Length', 5)
    response.end(request.method === 'HEAD' ? undefined : 'hello')
  })
  const port = await listen(server)
  const decoder = http1Response().decoder()
  const socket = net.connect({ port, host: '127.0.0.1' })
  const peer = framed(socket, { receive: http1Response(), send: http1Request() }, { decoder })
  const bodies: string[] = []
  for (const method of ['HEAD', 'GET', 'HEAD', 'GET']) {
    decoder.expect(method)
    await peer.send({ method, target: '/', headers: { Host: 'a' } })
    const { value } = await peer.frames.next()
    bodies.push(
      `${value?.requestMethod} ${value?.headers.get('content-length')} ${value?.body.length}`,
    )
  }
  expect(bodies).toEqual(['HEAD 5 0', 'GET 5 5', 'HEAD 5 0', 'GET 5 5'])
  await peer.frames.return()
  socket.destroy()
})

test.each(['with a decoder of its own', 'with the decoder that was passed in'])(
  'framed loses no byte of the other protocol after 101, %s',
  async way => {
    const [client, server] = await socketPair()
    const wire = http1Response().encode({ status: 101, headers: { Upgrade: 'echo' } })
    server.write(bytes(wire, 'hello '))
    const own = way.includes('own')
    const decoder = http1Response().decoder()
    const formats = { receive: http1Response(), send: http1Request() }
    const peer = framed(client, formats, own ? {} : { decoder })
    for await (const { status } of peer.frames) {
      expect(status).toBe(101)
      break
    }
    const before = own ? '' : bytes(decoder.rest()).toString()
    server.end('from the other protocol')
    expect(before + (await text(client))).toBe('hello from the other protocol')
  },
)

test('framed gives a server what a client sent behind its request for an upgrade', async () => {
  const [client, server] = await socketPair()
  const asked = http1Request().encode({
    method: 'GET',
    target: '/',
    headers: { Host: 'a', Connection: 'Upgrade', Upgrade: 'echo' },
  })
  client.write(bytes(asked, [0x81, 0x00]))
  const peer = framed(server, { receive: http1Request(), send: http1Response() })
  for await (const { headers } of peer.frames) {
    expect(headers.get('upgrade')).toBe('echo')
    break
  }
  await peer.send({ status: 101, headers: { Connection: 'Upgrade', Upgrade: 'echo' } })
  client.end('after')
  const rest: Buffer[] = []
  for await (const chunk of server as Socket) rest.push(chunk)
  expect(bytes(...rest)).toEqual(bytes([0x81, 0x00], 'after'))
})
