import { createServer, type Socket } from 'node:net'

const members = new Set<Socket>()
let begun = ''

createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')
  socket.setEncoding('utf8').on('data', text => {
    const lines = (begun + text).split('\n')
    begun = lines.pop() ?? ''
    for (const line of lines) {
      for (const member of members) if (member !== socket) member.write(`${line}\n`)
    }
  })
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
