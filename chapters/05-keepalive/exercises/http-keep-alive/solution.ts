import { once } from 'node:events'
import { METHODS } from 'node:http'
import { createServer } from 'node:net'
import { FrameError } from '#lib/framing/frame.ts'
import { type Http1Request, http1Request, http1Response } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'

const MAX_HEAD_BYTES = 65_536

/** What is registered with IANA, and Node does not know. */
const MORE_METHODS = [
  ...['BASELINE-CONTROL', 'CHECKIN', 'LABEL', 'MKREDIRECTREF', 'MKWORKSPACE', 'ORDERPATCH'],
  ...['UNCHECKOUT', 'UPDATE', 'UPDATEREDIRECTREF', 'VERSION-CONTROL'],
]

const requests = http1Request({
  maxHeaderBytes: MAX_HEAD_BYTES,
  maxHeaderFields: MAX_HEAD_BYTES,
  methods: [...METHODS, ...MORE_METHODS],
})
const responses = http1Response()

/** Whether the connection goes on: RFC 9112 section 9.3. */
function persists({ version, headers }: Http1Request): boolean {
  const list = (headers.get('connection') ?? '').toLowerCase().split(',')
  const words = list.map(word => word.trim())
  if (words.includes('close')) return false
  return version === '1.1' || words.includes('keep-alive')
}

// The client may send its FIN behind its last request, and still wants the answers.
const server = createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  try {
    // The decoder cuts the stream, whatever its pieces are, and keeps no head above 64 KiB.
    for await (const request of readFrames<Http1Request>(socket, requests)) {
      const kept = persists(request)
      const body = Buffer.from(`${request.method} ${request.target} ${request.body.length}\n`)
      const headers = { Connection: kept ? 'keep-alive' : 'close' }
      // With its length, so that the client knows where the next answer begins.
      const answer = responses.encode({ status: 200, reason: 'OK', headers, body })
      if (!socket.write(answer)) await once(socket, 'drain')
      // What stands behind the last request is not looked at.
      if (!kept) break
    }
    socket.end()
  } catch (error) {
    if (!(error instanceof FrameError)) return // the connection itself broke
    // Where the next request would begin nobody knows: this is the end.
    socket.end(responses.encode({ status: 400, headers: { Connection: 'close' } }))
  }
  // Read to the end: to close with unread bytes is a reset, and may destroy our last answer.
  socket.resume()
})

server.listen(Number(process.env.PORT), '127.0.0.1')
