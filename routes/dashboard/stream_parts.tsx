/**
 * The tables on the page of a group.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { type Lane, laneName, lanes } from "../../domain/messages/lane.ts";
import type { Message } from "../../domain/messages/messages.ts";
import {
  type ConsumerState,
  type GroupDetail,
  maxDeliveriesApart,
  type PendingBand,
  type ScheduledMessage,
} from "../../streams/queue/group_detail.ts";
import type { LaneStatus } from "../../streams/workflow/queue_status.ts";
import { typed } from "../../runtime/typed.ts";
import { formatCount, formatDuration } from "./format.ts";
import { Oldest } from "./group_table.tsx";
import { Badge, Columns, Empty, Money, None, OrderLink, Table, Time } from "./parts.tsx";

/** A consumer that was silent for longer is not alive, in milliseconds. */
const aliveMs = 60_000;

/** Who works for the group. */
export const Consumers: FC<{ consumers: readonly ConsumerState[] }> = ({ consumers }) =>
  consumers.length === 0
    ? (
      <Empty title="Nobody is working">
        Start a process with {typed("start")}, or one for this group alone with {typed("consume")}.
      </Empty>
    )
    : (
      <Table label="Consumers" stacks={2}>
        <Columns
          names={["Host", "State", "Process", "Since", { right: "Holds" }, {
            right: "Last sign",
          }]}
        />
        <tbody>
          {consumers.map(({ name, pending, silentMs, startedAt }) => {
            const [host, pid] = name.split(":");
            const alive = silentMs !== null && silentMs < aliveMs;
            return (
              <tr key={name} data-key={name}>
                <th scope="row" title={name}>{host}</th>
                <td data-label="State">
                  <Badge tone={alive ? "good" : "warn"}>{alive ? "alive" : "silent"}</Badge>
                </td>
                <td class="num" data-label="Process">{pid ?? "–"}</td>
                <td data-label="Since">
                  <Time at={startedAt} />
                </td>
                <td class="right" data-label="Holds">{formatCount(pending)}</td>
                <td class="right nowrap" data-label="Last sign">
                  {silentMs === null ? "–" : `${formatDuration(silentMs)} ago`}
                </td>
              </tr>
            );
          })}
        </tbody>
      </Table>
    );

/** What comes in each lane, for people. */
const laneNotes: Readonly<Record<Lane, string>> = {
  live: "requests and people: at once, whatever waits in the other",
  bulk: "files, recoveries and other bulk: all that is left",
};

/** What waits in each lane. */
export const Lanes: FC<{ lanes: Readonly<Record<Lane, LaneStatus>> }> = ({ lanes: of }) => (
  <Table label="What waits in each lane" stacks={3}>
    <Columns
      names={[
        "Lane",
        "What comes there",
        { right: "Unread" },
        { right: "In hand" },
        { right: "Scheduled" },
        { right: "Retries" },
        { right: "Oldest" },
        { right: "Money waiting" },
      ]}
    />
    <tbody>
      {lanes.map((lane) => (
        <tr key={lane}>
          <th scope="row">{lane}</th>
          <td class="told whole" data-label="What comes there">{laneNotes[lane]}</td>
          <td class="right" data-label="Unread">{formatCount(of[lane].lag)}</td>
          <td class="right" data-label="In hand">{formatCount(of[lane].pending)}</td>
          <td class="right" data-label="Scheduled">{formatCount(of[lane].scheduled)}</td>
          <td class="right" data-label="Retries">{formatCount(of[lane].retries)}</td>
          <td class="right nowrap" data-label="Oldest">
            <Oldest status={of[lane]} />
          </td>
          <td class="right" data-label="Money waiting">
            {of[lane].money.length === 0 ? <None /> : of[lane].money.map((
              { currency, amountCents },
            ) => (
              <div key={currency}>
                <Money cents={amountCents} currency={currency} />
              </div>
            ))}
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

/** The messages that consumers have taken: how many of what age, and the oldest ones themselves. */
export const Pending: FC<{ detail: GroupDetail<Message>; count: number }> = (
  { detail: { pending, bands, counted }, count },
) =>
  pending.length === 0 ? <Empty title="Nothing is in hand" /> : (
    <div class="side-stack">
      <Bands bands={bands} />
      {counted < count && <p class="pager small">Counted are the oldest {formatCount(counted)}</p>}
      <Table label="Messages in hand" stacks={2}>
        <Columns
          names={["Message", "Order", { right: "Amount" }, "Lane", { right: "Age" }, {
            right: "Deliveries",
          }, "State"]}
        />
        <tbody>
          {pending.map((one) => (
            <tr key={laneName(one.lane, one.id)} data-key={laneName(one.lane, one.id)}>
              <MessageCells message={one.message} />
              <td data-label="Lane">{one.lane}</td>
              <td class="right nowrap" data-label="Age">{formatDuration(one.ageMs)}</td>
              <td
                class={`right ${one.deliveries > 1 ? "strong-warn" : ""}`}
                data-label="Deliveries"
              >
                {one.deliveries}
              </td>
              <td
                class="ellipsis told whole"
                title={one.lastError ?? one.consumer}
                data-label="State"
              >
                {one.retryInMs !== null
                  ? `next try in ${formatDuration(one.retryInMs)}: ${one.lastError ?? ""}`
                  : `with ${one.consumer.split(":")[0]} for ${formatDuration(one.idleMs)}`}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <More shown={pending.length} count={count} />
    </div>
  );

/** How many messages are of what age, by how often they were delivered. */
const Bands: FC<{ bands: readonly PendingBand[] }> = ({ bands }) => (
  <Table label="Messages in hand by age and deliveries">
    <Columns
      names={[
        "Age",
        { right: "Delivered once" },
        ...Array.from(
          { length: maxDeliveriesApart - 2 },
          (_, at) => ({ right: `${at + 2} times` }),
        ),
        { right: `${maxDeliveriesApart} times or more` },
      ]}
    />
    <tbody>
      {bands.map(({ belowMs, byDeliveries }) => (
        <tr key={belowMs}>
          <th scope="row" class="nowrap">
            {belowMs === Infinity ? "an hour or more" : `less than ${formatDuration(belowMs)}`}
          </th>
          {byDeliveries.map((number, at) => (
            <td key={at} class={`right ${at > 0 && number > 0 ? "strong-warn" : ""}`}>
              {number === 0 ? <None /> : formatCount(number)}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  </Table>
);

/** The messages that are due next. */
export const Scheduled: FC<{ scheduled: readonly ScheduledMessage<Message>[]; count: number }> = (
  { scheduled, count },
) =>
  scheduled.length === 0 ? <Empty title="Nothing is scheduled" /> : (
    <>
      <Table label="Scheduled messages" stacks={3}>
        <Columns names={["Message", "Order", { right: "Amount" }, "Lane", { right: "Due" }]} />
        <tbody>
          {scheduled.map(({ message, lane, inMs }, index) => (
            <tr key={index}>
              <MessageCells message={message} />
              <td data-label="Lane">{lane}</td>
              <td class="right nowrap" data-label="Due">
                {inMs === 0 ? "now" : `in ${formatDuration(inMs)}`}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <More shown={scheduled.length} count={count} />
    </>
  );

const More: FC<{ shown: number; count: number }> = ({ shown, count }) =>
  count > shown ? <p class="pager small">and {formatCount(count - shown)} more</p> : null;

/** Type, order and money of a message. */
export const MessageCells: FC<{ message: Message | string }> = ({ message }) =>
  typeof message === "string"
    ? (
      <>
        <th scope="row">{message}</th>
        <td data-label="Order">–</td>
        <td class="right" data-label="Amount">–</td>
      </>
    )
    : "productId" in message
    ? (
      <>
        <th scope="row">{message.type}</th>
        <td data-label="Of">product #{message.productId}</td>
        <td class="right" data-label="Amount">–</td>
      </>
    )
    : (
      <>
        <th scope="row">{message.type}</th>
        <td data-label="Order">
          <OrderLink id={message.orderId} />
        </td>
        <td class="right" data-label="Amount">
          <Money cents={message.amountCents} currency={message.currency} />
        </td>
      </>
    );
