import { createServer, type Socket } from 'node:net'

const members = new Set<Socket>()

createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')
  let begun: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    begun = Buffer.concat([begun, chunk])
    for (let end = begun.indexOf('\n'); end >= 0; end = begun.indexOf('\n')) {
      tellOthers(socket, begun.subarray(0, end + 1))
      begun = begun.subarray(end + 1)
    }
    if (begun.length > 8192) socket.destroy()
  })
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

function tellOthers(speaker: Socket, line: Buffer): void {
  for (const member of members) {
    if (member === speaker) continue
    member.write(line)
    if (member.writableLength > 2 ** 20) member.destroy()
  }
}
