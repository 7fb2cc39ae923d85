/**
 * The groups and what waits in each: on the overview and on the page of the streams.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { describeCount } from "../../domain/bounded_count.ts";
import type { Group } from "../../domain/messages/messages.ts";
import type { ActivityHour } from "../../streams/kpis/activity.ts";
import type { GroupStatus } from "../../streams/workflow/queue_status.ts";
import { lastMinuteRate } from "./activity_series.ts";
import { formatCount, formatDuration, formatRate } from "./format.ts";
import { Badge, Columns, Money, NotRead, Table } from "./parts.tsx";
import type { Part } from "./reading.ts";

/** An oldest message beyond this age is marked, in milliseconds. */
const oldMs = 60_000;

/** For how long the oldest message waits, or when the next one may be worked on. */
export const Oldest: FC<{ status: Omit<GroupStatus, "dead"> }> = ({ status }) => {
  if (status.oldestUnfinishedAt !== null) return <>{formatDuration(status.oldestAgeMs)}</>;
  return status.nextDueInMs === null
    ? <span class="muted">–</span>
    : <span class="muted small nowrap">next in {formatDuration(status.nextDueInMs)}</span>;
};

/** What waits in each group. */
export const Groups: FC<
  {
    streams: Part<Omit<GroupStatus, "dead">[]>;
    dead: Part<Map<Group, number>>;
    activity: Part<ActivityHour>;
  }
> = ({ streams, dead, activity }) => {
  if (!streams.ok) return <NotRead what="The streams are" />;
  return (
    <Table label="What is waiting in each group">
      <Columns
        names={[
          "Group",
          { right: "Waiting" },
          { right: "Money waiting" },
          { right: "Oldest" },
          { right: "Per second" },
          { right: "Retries" },
          { right: "Dead letters" },
          { right: "Consumers" },
        ]}
      />
      <tbody>
        {streams.value.map((status) => {
          const letters = dead.ok ? dead.value.get(status.group) ?? 0 : null;
          const waiting = status.length + status.scheduled;
          return (
            <tr key={status.group}>
              <th scope="row">
                <a href={`/dashboard/streams/${status.group}`} data-key={`group-${status.group}`}>
                  {status.group}
                </a>
                {status.paused && (
                  <>
                    {" "}
                    <Badge tone="warn">paused</Badge>
                  </>
                )}
              </th>
              <td class="right" data-figure={`waiting-${status.group}`}>{formatCount(waiting)}</td>
              <td class="right">
                {status.money.length === 0
                  ? <span class="muted">–</span>
                  : (
                    <span class="money-list">
                      {status.money.map(({ currency, amountCents }) => (
                        <Money key={currency} cents={amountCents} currency={currency} />
                      ))}
                    </span>
                  )}
              </td>
              <td class={`right nowrap ${status.oldestAgeMs > oldMs ? "strong-warn" : ""}`}>
                <Oldest status={status} />
              </td>
              <td class="right">
                {activity.ok
                  ? formatRate(lastMinuteRate(activity.value.groups[status.group]))
                  : "–"}
              </td>
              <td class={`right ${status.retries > 0 ? "strong-warn" : ""}`}>
                {formatCount(status.retries)}
              </td>
              <td class="right">
                {letters === null ? "–" : letters === 0 ? "0" : (
                  <a
                    class="strong-bad"
                    href={`/dashboard/dead-letters?group=${status.group}`}
                    data-key={`dead-${status.group}`}
                  >
                    {describeCount(letters)}
                  </a>
                )}
              </td>
              <td class={`right ${status.consumers === 0 ? "strong-bad" : ""}`}>
                {formatCount(status.consumers)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
};
