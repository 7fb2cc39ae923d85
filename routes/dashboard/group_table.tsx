/**
 * The groups and what waits in each: on the overview and on the page of the streams.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { describeCount } from "../../domain/bounded_count.ts";
import type { Group } from "../../domain/messages/messages.ts";
import type { ActivityHour } from "../../streams/kpis/activity.ts";
import type { GroupStatus, LaneStatus } from "../../streams/workflow/queue_status.ts";
import { lastMinuteRate } from "./activity_series.ts";
import { formatCount, formatDuration, formatRate } from "./format.ts";
import { Badge, Columns, Money, None, NotRead, Table } from "./parts.tsx";
import type { Part } from "./reading.ts";

/** An oldest message beyond this age is marked, in milliseconds. */
const oldMs = 60_000;

/** A group without its dead letters, which the database counts. */
type Waiting = Omit<GroupStatus, "dead">;

/** For how long the oldest message waits, or when the next one may be worked on. */
export const Oldest: FC<{ status: LaneStatus }> = ({ status }) => {
  if (status.oldestUnfinishedAt !== null) return <>{formatDuration(status.oldestAgeMs)}</>;
  return status.nextDueInMs === null
    ? <None />
    : <span class="muted small nowrap">next in {formatDuration(status.nextDueInMs)}</span>;
};

/** What waits in each group. */
export const Groups: FC<
  {
    streams: Part<Waiting[]>;
    dead: Part<Map<Group, number>>;
    activity: Part<ActivityHour>;
  }
> = ({ streams, dead, activity }) => {
  if (!streams.ok) return <NotRead what="The streams are" />;
  return (
    <Table label="What is waiting in each group" stacks={3}>
      <Columns
        names={[
          "Group",
          { right: "Waiting" },
          { wide: "Oldest", right: true },
          { wide: "Per second", right: true },
          { wide: "Retries", right: true },
          { right: "Dead letters" },
          { right: "Consumers" },
        ]}
      />
      <tbody>
        {streams.value.map((status) => (
          <Row
            key={status.group}
            status={status}
            letters={dead.ok ? dead.value.get(status.group) ?? 0 : null}
            rate={activity.ok ? lastMinuteRate(activity.value.groups[status.group]) : null}
          />
        ))}
      </tbody>
    </Table>
  );
};

/** A group; what could not be read is null. */
const Row: FC<{ status: Waiting; letters: number | null; rate: number | null }> = (
  { status, letters, rate },
) => {
  const { group, paused, length, scheduled, money, oldestAgeMs, retries, consumers } = status;
  return (
    <tr>
      <th scope="row">
        <a href={`/dashboard/streams/${group}`} data-key={`group-${group}`}>{group}</a>
        {paused && (
          <>
            {" "}
            <Badge tone="warn">paused</Badge>
          </>
        )}
      </th>
      <td class="right" data-label="Waiting">
        <a
          href={`/dashboard/streams/${group}`}
          data-figure={`waiting-${group}`}
          data-key={`waiting-${group}`}
        >
          {formatCount(length + scheduled)}
        </a>
        {money.length > 0 && (
          <div class="money-list">
            {money.map(({ currency, amountCents }) => (
              <Money key={currency} cents={amountCents} currency={currency} />
            ))}
          </div>
        )}
      </td>
      <td
        class={`wide right nowrap ${oldestAgeMs > oldMs ? "strong-warn" : ""}`}
        data-label="Oldest"
      >
        <Oldest status={status} />
      </td>
      <td class="wide right" data-label="Per second">{rate === null ? "–" : formatRate(rate)}</td>
      <td class="wide right" data-label="Retries">
        {retries === 0 ? "0" : (
          <a
            class="strong-warn"
            href={`/dashboard/streams/${group}#pending-heading`}
            data-key={`retries-${group}`}
          >
            {formatCount(retries)}
          </a>
        )}
      </td>
      <td class="right" data-label="Dead letters">
        {letters === null ? "–" : letters === 0 ? "0" : <Letters group={group} count={letters} />}
      </td>
      <td class="right" data-label="Consumers">
        <a
          class={consumers === 0 ? "strong-bad" : undefined}
          href={`/dashboard/streams/${group}#consumers-heading`}
          data-key={`consumers-${group}`}
        >
          {formatCount(consumers)}
        </a>
      </td>
    </tr>
  );
};

const Letters: FC<{ group: Group; count: number }> = ({ group, count }) => (
  <a
    class="strong-bad"
    href={`/dashboard/dead-letters?group=${group}`}
    data-rows={count}
    data-key={`dead-${group}`}
  >
    {describeCount(count)}
  </a>
);
