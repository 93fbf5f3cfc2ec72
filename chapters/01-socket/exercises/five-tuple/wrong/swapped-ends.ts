import { createServer } from 'node:net'

createServer(socket => {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  const five = `tcp ${localAddress} port ${localPort} to ${remoteAddress} port ${remotePort}\n`
  socket.on('data', chunk => {
    socket.write(five.repeat(chunk.filter(byte => byte === 0x0a).length))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
