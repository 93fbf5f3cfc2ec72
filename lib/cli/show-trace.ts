import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import type { CatalogueEntry } from '#lib/catalogue/index.ts'
import { traceExample } from '#lib/observe/trace-example.ts'
import { LaneStatuses } from '#lib/trace/lanes.ts'
import { type End, LANES, type Lane, type TraceEvent } from '#lib/trace/recording.ts'
import { LadderTimeline } from '#lib/trace/render-ladder.ts'
import { View } from '#lib/trace/view.ts'
import { inPlace, runLive } from './live-run.ts'
import { exitCodeOf, reportCannotRun } from './show-example.ts'
import { stdoutIsBroken, terminalColumns, wantsColor } from './terminal.ts'

/** What is shown where nothing else was asked for: the sender's variables are for chapter 09. */
export const USUAL_LANES: readonly Lane[] = LANES.filter(lane => lane !== 'tcp')

/** How late an event of any lane may reach us and still be shown in its place. */
export const HOLD_MS = 500

/** What of a run a reader wants to see. */
export interface TraceChoice {
  lanes?: readonly Lane[]
  relative?: boolean
  only?: End | undefined
}

/** Runs an example, prints what all lanes saw of it, and returns the exit code of the run. */
export async function showTrace(
  entry: CatalogueEntry,
  { lanes = USUAL_LANES, relative = true, only }: TraceChoice = {},
): Promise<number> {
  if (reportCannotRun(entry)) return 0
  const style = { columns: terminalColumns(), color: wantsColor() }
  const { bold, dim } = pc.createColors(style.color)
  console.log(wrapAnsi(`${bold(entry.id)}  ${entry.example.shows}`, style.columns))
  if (stdoutIsBroken()) return 0

  const timeline = new LadderTimeline(style, only)
  const view = new View({ relative, only, condensed: true })
  const statuses = new LaneStatuses()
  let headerStands = false
  let waiting: TraceEvent[] = []
  const print = (events: TraceEvent[]) => {
    // The head says which lanes are there, and that is known when the client is about to start.
    if (!headerStands && !statuses.covers(lanes)) {
      waiting.push(...events)
      return
    }
    if (!headerStands) console.log(timeline.header(statuses))
    headerStands = true
    for (const event of [...waiting, ...events]) console.log(timeline.event(event))
    waiting = []
  }
  const ended = await runLive({
    run: options => traceExample(entry, { ...options, lanes, onLane: statuses.note }),
    show: events =>
      print(
        inPlace(
          events.flatMap(event => view.push(event)),
          () => view.flush(),
        ),
      ),
    holdMs: HOLD_MS,
  })
  statuses.end(lanes)
  print(view.flush())
  return exitCodeOf(ended, dim(`The same without the kernel: npm start ${entry.id}`))
}
