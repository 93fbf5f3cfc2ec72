import { createServer, type Socket } from 'node:net'

const NEWLINE = 0x0a
const MAX_LINE_BYTES = 8192
const MAX_WAITING_BYTES = 2 ** 20

const members = new Set<Socket>()

const server = createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')

  // Bytes behind the last newline: the beginning of this member's next line. They stay bytes, so no
  // character is ever cut: in UTF-8, 0x0a is a newline and never a part of something else.
  let begun: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    begun = Buffer.concat([begun, chunk])
    for (let end = begun.indexOf(NEWLINE); end >= 0; end = begun.indexOf(NEWLINE)) {
      if (end > MAX_LINE_BYTES) break
      tellOthers(socket, begun.subarray(0, end + 1))
      begun = begun.subarray(end + 1)
    }
    // With a newline or without: this line is too long. Nothing that was begun is kept for ever.
    if (begun.length > MAX_LINE_BYTES) socket.destroy()
  })

  // FIN, reset or dropped: `close` always comes. After a FIN, Node ends our side too.
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
})

function tellOthers(speaker: Socket, line: Buffer): void {
  for (const member of members) {
    if (member === speaker || !member.writable) continue
    member.write(line)
    // Whoever does not read gets a queue, so that the others need not wait; and the queue has an end.
    if (member.writableLength > MAX_WAITING_BYTES) member.destroy()
  }
}

server.listen(Number(process.env.PORT), '127.0.0.1')
