import { createServer, type Socket } from 'node:net'

const NEWLINE = 0x0a
const MAX_LINE_BYTES = 8192
const MAX_WAITING_BYTES = 2 ** 20

const members = new Set<Socket>()

const server = createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')

  let begun: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    begun = Buffer.concat([begun, withoutMark(chunk)])
    for (let end = begun.indexOf(NEWLINE); end >= 0; end = begun.indexOf(NEWLINE)) {
      if (end > MAX_LINE_BYTES) break
      tellOthers(socket, begun.subarray(0, end + 1))
      begun = begun.subarray(end + 1)
    }
    if (begun.length > MAX_LINE_BYTES) socket.destroy()
  })

  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
})

function tellOthers(speaker: Socket, line: Buffer): void {
  for (const member of members) {
    if (member === speaker || !member.writable) continue
    member.write(line)
    if (member.writableLength > MAX_WAITING_BYTES) member.destroy()
  }
}

server.listen(Number(process.env.PORT), '127.0.0.1')

/** A byte order mark at the beginning says that this is UTF-8, and everybody knows that already. */
function withoutMark(chunk: Buffer): Buffer {
  return chunk.indexOf('\ufeff') === 0 ? chunk.subarray(3) : chunk
}
