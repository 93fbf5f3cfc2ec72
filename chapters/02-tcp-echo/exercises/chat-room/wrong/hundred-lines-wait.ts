import { createServer, type Socket } from 'node:net'

const NEWLINE = 0x0a
const MAX_LINE_BYTES = 8192
/** Who has not read so many lines does not listen. */
const MAX_LINES = 100

interface Member {
  socket: Socket
  lines: number
}
const members = new Set<Member>()

createServer(socket => {
  const self = { socket, lines: 0 }
  members.add(self)
  socket.write('welcome\n')
  let begun: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    begun = Buffer.concat([begun, chunk])
    for (let end = begun.indexOf(NEWLINE); end >= 0; end = begun.indexOf(NEWLINE)) {
      if (end > MAX_LINE_BYTES) break
      tellOthers(self, begun.subarray(0, end + 1))
      begun = begun.subarray(end + 1)
    }
    if (begun.length > MAX_LINE_BYTES) socket.destroy()
  })
  socket.on('close', () => members.delete(self))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

function tellOthers(speaker: Member, line: Buffer): void {
  for (const member of members) {
    if (member === speaker || !member.socket.writable) continue
    member.lines++
    member.socket.write(line, () => member.lines--)
    if (member.lines > MAX_LINES) member.socket.destroy()
  }
}
