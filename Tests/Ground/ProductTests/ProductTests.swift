import Product
import Testing

@Test func versionLineNamesProgramAndProduct() {
    #expect(Product.versionLine(of: "ovs-vsctl") == "ovs-vsctl (Apus) \(Product.version)")
    #expect(Product.version.split(separator: ".").count == 3)
}
