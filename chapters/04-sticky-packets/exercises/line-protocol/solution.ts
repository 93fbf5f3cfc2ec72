import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

const LF = 0x0a
const CR = 0x0d
const MAX_LINE_BYTES = 1024

/** Gives the lines of a client, without their ends, however their bytes arrive. */
async function* lines(socket: Socket): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  // A plain `for await (… of socket)` would destroy the socket at the client's FIN.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    let bytes = Buffer.concat([rest, chunk])
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
      const line = bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end)
      if (line.length > MAX_LINE_BYTES) throw new RangeError(`a line of ${line.length} bytes`)
      // Whole characters: no byte of a longer one looks like LF.
      yield line.toString()
      bytes = bytes.subarray(end + 1)
    }
    // A CR at the end does not count yet: an LF may follow.
    const size = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length
    if (size > MAX_LINE_BYTES) throw new RangeError(`a line of ${size} bytes, and no end`)
    rest = bytes
  }
}

const server = createServer({ allowHalfOpen: true }, async socket => {
  // Errors show in the loop too, but not those that come when it is over.
  socket.on('error', () => {})
  try {
    for await (const line of lines(socket)) {
      const characters = [...line]
      const answer = `${characters.length} ${characters.reverse().join('')}\n`
      if (!socket.write(answer)) await once(socket, 'drain')
    }
  } catch {
    // The connection is lost, or a line is too long: either way no line can follow.
  }
  // Unlike destroy(), this sends the answers that still wait. On a lost connection it does nothing.
  socket.end()
  // Reads on without a use for it: a close with unread bytes is a reset, and may destroy answers.
  socket.resume()
})

server.listen(Number(process.env.PORT), '127.0.0.1')
