import { createServer } from 'node:net'

const NEWLINE = 0x0a

const server = createServer(socket => {
  // Fixed for as long as the connection lives, and kept where no other connection sees it: each call
  // of this function has its own. After the end of the connection the socket knows no addresses.
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const five = `tcp ${remoteAddress} port ${remotePort} to ${localAddress} port ${localPort}\n`

  socket.on('data', chunk => {
    const questions = chunk.filter(byte => byte === NEWLINE).length
    socket.write(five.repeat(questions))
  })
  // The client's FIN: Node sends ours behind the last answer, because allowHalfOpen is false.
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
