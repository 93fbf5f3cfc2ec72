import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

const LF = 0x0a
const CR = 0x0d
const MAX_LINE_BYTES = 1024

async function* lines(socket: Socket): AsyncGenerator<string> {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    let bytes = Buffer.concat([rest, chunk])
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF)) {
      const line = bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end)
      if (line.length > MAX_LINE_BYTES) throw new RangeError(`a line of ${line.length} bytes`)
      yield line.toString()
      bytes = bytes.subarray(end + 1)
    }
    const size = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length
    if (size > MAX_LINE_BYTES) throw new RangeError(`a line of ${size} bytes, and no end`)
    rest = bytes
  }
}

const server = createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  try {
    for await (const line of lines(socket)) {
      const characters = [...new Intl.Segmenter().segment(line)].map(({ segment }) => segment)
      const answer = `${characters.length} ${characters.reverse().join('')}\n`
      if (!socket.write(answer)) await once(socket, 'drain')
    }
    socket.end()
  } catch {
    socket.destroy()
  }
})

server.listen(Number(process.env.PORT), '127.0.0.1')
