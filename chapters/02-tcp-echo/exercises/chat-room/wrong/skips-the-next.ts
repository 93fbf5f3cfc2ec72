import { createServer, type Socket } from 'node:net'

const NEWLINE = 0x0a
const MAX_LINE_BYTES = 8192
const MAX_WAITING_BYTES = 2 ** 20

const members: Socket[] = []

const server = createServer(socket => {
  members.push(socket)
  socket.write('welcome\n')

  let begun: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    begun = Buffer.concat([begun, chunk])
    for (let end = begun.indexOf(NEWLINE); end >= 0; end = begun.indexOf(NEWLINE)) {
      if (end > MAX_LINE_BYTES) break
      tellOthers(socket, begun.subarray(0, end + 1))
      begun = begun.subarray(end + 1)
    }
    if (begun.length > MAX_LINE_BYTES) socket.destroy()
  })

  socket.on('close', () => leave(socket))
  socket.on('error', () => {})
})

function leave(member: Socket): void {
  const at = members.indexOf(member)
  if (at >= 0) members.splice(at, 1)
  member.destroy()
}

function tellOthers(speaker: Socket, line: Buffer): void {
  for (const member of members) {
    if (member === speaker || !member.writable) continue
    member.write(line)
    if (member.writableLength > MAX_WAITING_BYTES) leave(member)
  }
}

server.listen(Number(process.env.PORT), '127.0.0.1')
