import { createServer } from 'node:net'
import { type Http1Request, http1Request, http1Response } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'

createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  try {
    for await (const request of readFrames<Http1Request>(socket, http1Request())) {
      const { method, target, body } = request
      const kept = request.version === '1.1' || request.headers.has('connection')
      const line = Buffer.from(`${method} ${target} ${body.length}\n`)
      const headers = { Connection: kept ? 'keep-alive' : 'close' }
      socket.write(http1Response().encode({ status: 200, headers, body: line }))
      if (!kept) break
    }
    socket.end()
  } catch {
    socket.end(http1Response().encode({ status: 400 }))
  }
  socket.resume()
}).listen(Number(process.env.PORT), '127.0.0.1')
