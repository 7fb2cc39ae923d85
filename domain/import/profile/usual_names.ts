/**
 * What columns are usually called, for a profile to begin with: a proposal that a person looks at, never read unseen.
 *
 * @module
 */

import { plainName } from "./column_plan.ts";
import type { ImportProfile, ProfileColumn } from "./profile.ts";

/** Names without blanks and signs, the likeliest first. */
const usual: { readonly [Column in ProfileColumn]?: readonly string[] } = {
  external_order_id: [
    ...["orderid", "ordernumber", "orderno", "ordernr", "orderref", "orderreference", "order"],
    ...["bestellnummer", "bestellnr", "bestellid", "bestellung", "auftragsnummer", "auftragsnr"],
    ...["auftrag", "belegnummer", "belegnr", "numerodecommande", "ndecommande", "commande"],
    ...["numerodepedido", "pedido", "numeroordine", "ordine", "bestelnummer", "ordernummer"],
    ...["numerzamowienia", "zamowienie", "注文番号", "receipt", "beleg"],
  ],
  order_placed_at: [
    ...["orderdate", "orderedat", "placedat", "createdat", "date", "datetime", "bestelldatum"],
    ...["auftragsdatum", "datum", "datedecommande", "fechadepedido", "fecha", "dataordine", "data"],
    ...["besteldatum", "datazamowienia", "注文日"],
  ],
  currency: ["currency", "currencycode", "wahrung", "devise", "moneda", "valuta", "waluta", "通貨"],
  customer_id: [
    ...["customerid", "customernumber", "customerno", "clientid", "kundennummer", "kundennr"],
    ...["kundenid", "numeroclient", "idcliente", "klantnummer", "numerklienta"],
  ],
  customer_email: [
    ...["email", "emailaddress", "customeremail", "mail", "emailadresse", "courriel", "correo"],
    ...["correoelectronico", "mailadres", "adresemail", "kundenemail"],
  ],
  customer_name: [
    ...["customername", "customer", "fullname", "buyer", "buyername", "client", "kundenname"],
    ...["kunde", "nomduclient", "cliente", "nombre", "klant", "klantnaam", "klient", "name"],
  ],
  product_sku: [
    ...["sku", "productsku", "itemsku", "articlenumber", "artikelnummer", "artikelnr", "artnr"],
    ...["itemnumber", "reference", "referencia", "codicearticolo", "artikelcode", "商品コード"],
  ],
  product_name: [
    ...["productname", "product", "itemname", "item", "title", "description", "artikel"],
    ...["artikelbezeichnung", "bezeichnung", "produkt", "produit", "article", "producto"],
    ...["prodotto", "nazwaproduktu", "商品名"],
  ],
  price: [
    ...["unitprice", "price", "itemprice", "einzelpreis", "stuckpreis", "preis", "prixunitaire"],
    ...["prix", "preciounitario", "precio", "prezzounitario", "prezzo", "stukprijs", "prijs"],
    ...["cenajednostkowa", "cena", "単価"],
  ],
  qty: [
    ...["qty", "quantity", "menge", "anzahl", "stuckzahl", "stuck", "quantite", "qte", "cantidad"],
    ...["quantita", "aantal", "ilosc", "数量"],
  ],
  order_total: [
    ...["ordertotal", "grandtotal", "bestellsumme", "gesamtsumme", "gesamtbetrag"],
    ...["totaldelacommande", "totalpedido", "totaleordine"],
  ],
};

/** What a profile proposes for the columns of a file, by their names alone. */
export function usualColumns(header: readonly string[]): ImportProfile["columns"] {
  const names = header.map((name) => [bareName(name), name.trim()] as const)
    .filter(([bare], at, all) => bare !== "" && all.findIndex(([one]) => one === bare) === at);
  const columns: { [Column in ProfileColumn]?: string[] } = {};
  for (const [column, known] of Object.entries(usual)) {
    const found = known.map((one) => names.find(([bare]) => bare === one))
      .find((one) => one !== undefined);
    if (found !== undefined) columns[column as ProfileColumn] = [found[1]];
  }
  return columns;
}

/** `E-Mail` and `e mail` are one name. */
function bareName(name: string): string {
  return plainName(name).normalize("NFD").replaceAll(/[\u0300-\u036f]/g, "").normalize("NFC")
    .replaceAll(/[^\p{L}\p{N}]/gu, "");
}
