import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

// RFC 1055 has them in octal: 300, 333, 334, 335.
const END = 0xc0
const ESC = 0xdb
const ESC_END = 0xdc
const ESC_ESC = 0xdd
/** What stands behind ESC, and what it means there. */
const MEANING = new Map([
  [ESC_END, END],
  [ESC_ESC, ESC],
])
const MAX_PAYLOAD_BYTES = 1024

/** Gives the payloads of a client's frames, without those that are empty, damaged or too long. */
async function* payloads(socket: Socket): AsyncGenerator<Buffer> {
  // All that outlives a chunk: a frame may be cut anywhere, also between ESC and its second byte.
  let payload: number[] = []
  let escaped = false
  let lost = false
  // A plain `for await (… of socket)` would destroy the socket at the client's FIN.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    for (const byte of chunk as Buffer) {
      // Nothing stands before this: END is never anything else than the end of a frame.
      if (byte === END) {
        if (payload.length > 0 && !escaped && !lost) yield Buffer.from(payload)
        payload = []
        escaped = false
        lost = false
      } else if (byte === ESC && !escaped) {
        escaped = true
      } else {
        const meant = escaped ? MEANING.get(byte) : byte
        escaped = false
        if (meant === undefined || payload.length === MAX_PAYLOAD_BYTES) lost = true
        // Of a lost frame nothing more is kept, however long it goes on.
        else if (!lost) payload.push(meant)
      }
    }
  }
}

/** One pass, byte by byte: of two replacements the second would change what the first has made. */
function frame(payload: Uint8Array): Buffer {
  const wire = Array.from(payload).flatMap(byte => {
    if (byte === END) return [ESC, ESC_END]
    return byte === ESC ? [ESC, ESC_ESC] : [byte]
  })
  return Buffer.from([...wire, END])
}

const server = createServer({ allowHalfOpen: true }, async socket => {
  // Errors show in the loop too, but not those that come when it is over.
  socket.on('error', () => {})
  try {
    for await (const payload of payloads(socket)) {
      if (!socket.write(frame(payload.toReversed()))) await once(socket, 'drain')
    }
    socket.end()
  } catch {
    socket.destroy()
  }
})

server.listen(Number(process.env.PORT), '127.0.0.1')
