import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { http1Request, http1Response } from '#lib/framing/http1.ts'

const servers: net.Server[] = []

async function listen<Server extends net.Server>(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close()
    if (server instanceof http.Server) server.closeAllConnections()
    await once(server, 'close')
  }
})

/** A server that is made of a socket and the codec only. It tells what it was sent. */
function echoServer(): net.Server {
  const codec = http1Request()
  const answers = http1Response()
  return net.createServer(socket => {
    const decoder = codec.decoder()
    socket.on('error', () => {})
    socket.on('data', chunk => {
      decoder.push(chunk)
      for (let request = decoder.read(); request !== null; request = decoder.read()) {
        const { method, target, body, keepAlive } = request
        const text = `${method} ${target} ${body.length} ${request.headers.get('x') ?? '-'}`
        const headers: [string, string][] = [['Content-Type', 'text/plain']]
        if (!keepAlive) headers.push(['Connection', 'close'])
        const content = Buffer.from(text)
        if (method === 'HEAD') headers.push(['Content-Length', String(content.length)])
        const answer = { status: 200, reason: 'OK', headers, requestMethod: method }
        socket.write(answers.encode(method === 'HEAD' ? answer : { ...answer, body: content }))
        if (!keepAlive) socket.end()
      }
      if (decoder.awaitsContinue) {
        socket.write(answers.encode({ status: 100, reason: 'Continue' }))
      }
    })
  })
}

async function ask(options: http.RequestOptions, body: Buffer[] = []): Promise<string> {
  const request = http.request({ host: '127.0.0.1', ...options })
  if (request.getHeader('expect') !== undefined) {
    request.flushHeaders()
    await once(request, 'continue')
  }
  for (const part of body) request.write(part)
  request.end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = `${response.statusCode} ${response.headers['content-length']} `
  for await (const part of response.setEncoding('latin1')) text += part
  return text
}

test("http1Request and http1Response serve Node's client on one connection", async () => {
  const server = echoServer()
  const port = await listen(server)
  let connections = 0
  server.on('connection', () => connections++)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const part = Buffer.alloc(100_000, 'x')
  expect(await ask({ port, agent, path: '/a', headers: { x: '1' } })).toBe('200 10 GET /a 0 1')
  expect(await ask({ port, agent, path: '/b', method: 'HEAD' })).toBe('200 11 ')
  expect(await ask({ port, agent, path: '/c', method: 'POST' }, [part, part])).toBe(
    '200 16 POST /c 200000 -',
  )
  const headers = { expect: '100-continue', 'content-length': part.length }
  expect(await ask({ port, agent, path: '/d', method: 'PUT', headers }, [part])).toBe(
    '200 15 PUT /d 100000 -',
  )
  expect(connections).toBe(1)
  agent.destroy()
})

test("http1Request and http1Response serve Node's client that closes", async () => {
  const port = await listen(echoServer())
  expect(await ask({ port, path: '/', agent: false })).toBe('200 9 GET / 0 -')
})

test('http1Response reads what Node serves to pipelined requests, chunked and not', async () => {
  const port = await listen(
    http.createServer((request, response) => {
      const sized = request.url === '/sized'
      const trailers = !sized && request.method === 'GET'
      if (sized) response.setHeader('content-length', 5)
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      if (trailers) response.setHeader('trailer', 'x')
      response.write('he')
      if (trailers) response.addTrailers({ x: '1' })
      response.end('llo')
    }),
  )
  const codec = http1Request()
  const decoder = http1Response().decoder()
  const socket = net.connect(port, '127.0.0.1')
  const wishes = [
    ['GET', '/sized'],
    ['HEAD', '/sized'],
    ['GET', '/chunked'],
    ['HEAD', '/chunked'],
  ] as const
  for (const [method, target] of wishes) {
    decoder.expect(method)
    socket.write(codec.encode({ method, target, headers: { Host: 'a' } }))
  }
  const headers = { Host: 'a', Connection: 'close' }
  decoder.expect('GET')
  socket.write(codec.encode({ method: 'GET', target: '/sized', headers }))
  const found: string[] = []
  const drain = () => {
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
      const { requestMethod, body, keepAlive } = frame
      const cookies = frame.headers.getAll('set-cookie')
      const trailers = [...frame.trailers].flat()
      found.push([requestMethod, body, cookies, trailers, keepAlive].join(' '))
    }
  }
  for await (const chunk of socket) {
    decoder.push(chunk as Buffer)
    drain()
  }
  decoder.end()
  expect(found).toEqual([
    'GET hello a=1,b=2  true',
    'HEAD  a=1,b=2  true',
    'GET hello a=1,b=2 x,1 true',
    'HEAD  a=1,b=2  true',
    'GET hello a=1,b=2  false',
  ])
})

test('http1Response reads a body of Node that ends with the connection', async () => {
  const port = await listen(
    http.createServer((_, response) => {
      response.write(Buffer.alloc(200_000, 'y'))
      response.end(Buffer.alloc(100_000, 'y'))
    }),
  )
  const socket = net.connect(port, '127.0.0.1')
  socket.write(http1Request().encode({ method: 'GET', target: '/', version: '1.0' }))
  const decoder = http1Response().decoder()
  const bodies: unknown[] = []
  const drain = () => {
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
      bodies.push([frame.body.length, frame.headers.has('content-length'), frame.keepAlive])
    }
  }
  for await (const chunk of socket) {
    decoder.push(chunk as Buffer)
    drain()
  }
  decoder.end()
  drain()
  expect(bodies).toEqual([[300_000, false, false]])
})
