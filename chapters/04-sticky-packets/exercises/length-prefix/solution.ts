import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

const PREFIX_BYTES = 4
const MAX_PAYLOAD_BYTES = 65_536

/** Gives the payloads of a client's frames, however their bytes arrive. */
async function* payloads(socket: Socket): AsyncGenerator<Buffer> {
  // Never more than one frame and one chunk, whatever the client sends.
  let pieces: Buffer[] = []
  let have = 0
  let need = PREFIX_BYTES
  // A plain `for await (… of socket)` would destroy the socket at the client's FIN.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    pieces.push(chunk)
    have += chunk.length
    // Nothing is complete: to put the pieces together now would copy them once for each chunk.
    if (have < need) continue
    let bytes = Buffer.concat(pieces)
    while (bytes.length >= PREFIX_BYTES) {
      const length = bytes.readUInt32BE()
      // Before anything is kept or reserved for it. Where the next frame begins, nobody knows now.
      if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`a frame of ${length} bytes`)
      need = PREFIX_BYTES + length
      if (bytes.length < need) break
      yield bytes.subarray(PREFIX_BYTES, need)
      bytes = bytes.subarray(need)
      need = PREFIX_BYTES
    }
    pieces = [bytes]
    have = bytes.length
  }
}

function frame(payload: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(payload.length)
  return Buffer.concat([prefix, payload])
}

const server = createServer({ allowHalfOpen: true }, async socket => {
  // Errors show in the loop too, but not those that come when it is over.
  socket.on('error', () => {})
  try {
    for await (const payload of payloads(socket)) {
      // While a client does not read, this loop stands still, and reads nothing more from it.
      if (!socket.write(frame(payload.toReversed()))) await once(socket, 'drain')
    }
  } catch {
    // The connection is lost, or a length is too large: either way no frame can follow.
  }
  // Unlike destroy(), this sends the answers that still wait. On a lost connection it does nothing.
  socket.end()
  // Reads on without a use for it: a close with unread bytes is a reset, and may destroy answers.
  socket.resume()
})

server.listen(Number(process.env.PORT), '127.0.0.1')
