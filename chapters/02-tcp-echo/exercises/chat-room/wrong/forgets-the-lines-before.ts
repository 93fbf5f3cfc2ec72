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
    begun = Buffer.concat([begun, chunk])
    // A line that is too long: nothing of this member is worth anything.
    const lines = begun.toString('latin1').split('\n')
    if (lines.some(line => line.length > MAX_LINE_BYTES)) {
      socket.destroy()
      return
    }
    for (let end = begun.indexOf(NEWLINE); end >= 0; end = begun.indexOf(NEWLINE)) {
      tellOthers(socket, begun.subarray(0, end + 1))
      begun = begun.subarray(end + 1)
    }
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
