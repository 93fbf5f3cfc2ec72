/** TCP client: asks one question and prints the answer. `npm run 01:client` */
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, noticeWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 01:client',
  does: 'Asks the server one question and prints its answer.',
  flags: {
    host,
    port: { ...port(7010), min: 1 },
    question: { default: 'who is who?', required: true, help: 'what to ask' },
  },
})
const where = endpoint(options.host, options.port)

// #region client
const socket = connect(options.port, options.host, () => {
  console.log(`connected ${where} from ${endpoint(socket.localAddress, socket.localPort)}`)
  socket.write(options.question)
})
socket.setEncoding('utf8')

let answer = ''
socket.on('data', text => {
  answer += text
})
// The server says by its FIN that the answer is complete.
socket.on('end', () => console.log(`answer ${answer.trimEnd()}`))
// #endregion client

noticeWhenSilent(socket, where, 'npm run 01:server')

let connected = false
socket.once('connect', () => {
  connected = true
})
socket.on('error', error => {
  if (!connected) exitCannotConnect(error, where, 'npm run 01:server')
  exitLost(error, where)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
